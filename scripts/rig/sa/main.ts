/**
 * Program of the subnet administrator in a machine of the rig: `main.ts MTU P_KEY,... [LID,...]`. Runs on ibx0 until it
 * is killed. Ignores MADs without a GRH from the LIDs. Logs every request, and writes the groups to a file when they
 * change.
 */

import { ibMtuCode } from "../../../src/base/units.ts";
import { RigAdministrator } from "./administrator.ts";
import { serve } from "./umad.ts";

/** Path of the file with the groups. */
const GROUPS = "/run/sa.json";
/** 4X SDR: 10 Gb/s. */
const RATE = 3;
const LIFETIME = 18;

const [mtu, pkeys, grhLids = ""] = Deno.args as [string, string, string?];
const limits = {
  mtu: ibMtuCode(Number(mtu))!,
  rate: RATE,
  lifetime: LIFETIME,
};
const administrator = new RigAdministrator(
  limits,
  pkeys.split(",").map(Number),
  grhLids === "" ? [] : grhLids.split(",").map(Number),
);
const encoder = new TextEncoder();

function log(line: string): void {
  const seconds = (performance.now() / 1000).toFixed(2);
  Deno.stdout.writeSync(encoder.encode(`${seconds} ${line}\n`));
}

let saved = "";

/** Writes the groups if they have changed. */
function save(): void {
  const text = JSON.stringify(administrator.groups, undefined, 1);
  if (text === saved) return;
  saved = text;
  Deno.writeTextFileSync(`${GROUPS}.new`, text);
  Deno.renameSync(`${GROUPS}.new`, GROUPS);
}

save();
serve("ibx0", () => log("SA is up"), (mad, from) => {
  const reply = administrator.handle(mad, from);
  if (!reply) return undefined;
  log(reply.line);
  save();
  return reply.mad;
});
