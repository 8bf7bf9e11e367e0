/**
 * Program on a port of the simulated fabric: sends the requests that it reads and prints the answers, one JSON object
 * on each line.
 *
 * In: `{"lid": 1, "mad": "hexadecimal", "wait": 1000}`; out: `{"mad": "hexadecimal"}`, or `{"mad": null}` if no
 * answer arrived within `wait` milliseconds. simulator.ts starts it with the simulator's library preloaded.
 */

import { TextLineStream } from "./lines.ts";
import { Umad } from "./umad.ts";

const umad = new Umad();
const encoder = new TextEncoder();
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  const { lid, mad, wait } = JSON.parse(line);
  const answer = umad.exchange(lid, Uint8Array.fromHex(mad), wait);
  const text = JSON.stringify({ mad: answer?.toHex() ?? null });
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}
Deno.exit(0);
