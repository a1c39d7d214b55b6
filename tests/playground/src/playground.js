// Keeps the conversation current, and sends comments without leaving the page. Without it the page still works.
const live = document.getElementById("live");
const form = document.getElementById("comment");
const body = document.getElementById("body");

async function follow() {
  let seen = "";
  for (;;) {
    try {
      const answer = await fetch(`/live?seen=${seen}`);
      if (answer.status === 200) {
        const atEnd = innerHeight + scrollY >= document.body.scrollHeight - 80;
        live.innerHTML = await answer.text();
        if (seen !== "" && atEnd) scrollTo(0, document.body.scrollHeight);
        seen = answer.headers.get("etag");
      }
    } catch {
      await new Promise((later) => setTimeout(later, 1000));
    }
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sent = new URLSearchParams(new FormData(form));
  body.value = "";
  body.focus();
  await fetch("/comment", { method: "POST", body: sent, redirect: "manual" });
});

body.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

for (const button of form.querySelectorAll("[data-text]")) {
  button.addEventListener("click", () => {
    body.value = button.dataset.text;
    body.focus();
  });
}

follow();
