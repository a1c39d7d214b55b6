// Answers expressions with jsonata-js, for the comparison in tests/oracles.rs.
//
// Reads one JSON object {"expression": …, "states": …, "variables": {…}} per line. Writes one line for each:
//   V <json>     the value
//   U            undefined
//   S <text>     the expression was refused
//   E <text>     the evaluation failed

import jsonata from "jsonata";
import { createInterface } from "node:readline";

async function answer({ expression, states, variables }) {
  let parsed;
  try {
    parsed = jsonata(expression);
  } catch (refused) {
    return `S ${refused.code}: ${refused.message}`;
  }
  try {
    const value = await parsed.evaluate(undefined, { states, ...variables });
    const json = JSON.stringify(value);
    return json === undefined ? "U" : `V ${json}`;
  } catch (failed) {
    return `E ${failed.code}: ${failed.message}`;
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write((await answer(JSON.parse(line))).replaceAll("\n", "\\n") + "\n");
}
