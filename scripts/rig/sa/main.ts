/**
 * Program of the subnet administrator in a machine of the rig: `main.ts MTU P_KEY,... [LID,... [MLID]]`. Runs on ibx0
 * until it is killed. Ignores MADs without a GRH from the LIDs; gives the first group the MLID. Logs every request, and
 * writes the groups to a file when they change. Before each request it reads its fault (fault.ts) from another file.
 */

import { ibMtuCode } from "../../../src/base/units.ts";
import { RigAdministrator } from "./administrator.ts";
import { parseFault } from "./fault.ts";
import { serve } from "./umad.ts";

/** Path of the file with the groups. */
const GROUPS = "/run/sa.json";
/** Path of the file with the fault. Without it there is none. */
const FAULT = "/run/sa.fault";
/** 4X SDR: 10 Gb/s. */
const RATE = 3;
const LIFETIME = 18;

const [mtu, pkeys, grhLids = "", firstMlid = ""] = Deno.args as [
  string,
  string,
  string?,
  string?,
];
const limits = {
  mtu: ibMtuCode(Number(mtu))!,
  rate: RATE,
  lifetime: LIFETIME,
};
const administrator = new RigAdministrator(
  limits,
  pkeys.split(",").map(Number),
  {
    grhLids: grhLids === "" ? [] : grhLids.split(",").map(Number),
    firstMlid: firstMlid === "" ? undefined : Number(firstMlid),
  },
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

function readFault(): string {
  try {
    return Deno.readTextFileSync(FAULT);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

save();
serve("ibx0", () => log("SA is up"), (mad, from) => {
  administrator.fault = parseFault(readFault());
  const reply = administrator.handle(mad, from);
  if (!reply) return undefined;
  log(reply.line);
  save();
  return reply.mad;
});
