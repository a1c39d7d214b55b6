// A service with ten durable steps that do nothing, as Restate's Node SDK has them.
// The SDK wants this of Node 22; with it, Node 20 will do.
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((one, other) => ([resolve, reject] = [one, other]));
  return { promise, resolve, reject };
};
const restate = await import("@restatedev/restate-sdk");

const steps = restate.service({
  name: "steps",
  handlers: {
    run: async (context, input) => {
      let last;
      for (let step = 0; step < 10; step++) {
        last = await context.run(`s${step}`, () => ({ step }));
      }
      return { ...input, last };
    },
  },
});
restate.serve({ services: [steps], port: Number(process.env.PORT) });
