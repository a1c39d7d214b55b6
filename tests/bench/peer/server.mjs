// probot with an App that hears every event and does nothing. Its leanest documented form: no request log, no
// pages, no store.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createNodeMiddleware, createProbot } from "probot";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const probot = createProbot({
  overrides: { appId: 1, privateKey, secret: process.env.WEBHOOK_SECRET, logLevel: "error" },
});
const middleware = await createNodeMiddleware((app) => app.onAny(() => {}), { probot });
createServer((request, response) => {
  middleware(request, response, () => response.writeHead(404).end());
}).listen(Number(process.env.PORT), "127.0.0.1");
