/** Runs `saquery` on the simulated fabric and converts its output to SA records. */

import { parseGid } from "../../src/wire/gid.ts";
import type { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import type { PathRecord } from "../../src/wire/sa/path_record.ts";
import { selectorOf, valueOf } from "../../src/wire/sa/selector.ts";
import type { Simulator } from "./simulator.ts";

/** SM_Key of OpenSM, with which the administrator returns the members of groups. */
export const TRUSTED = ["--smkey", "1"] as const;

/** A printed record: field names and values. */
export type Printed = Record<string, string>;

/**
 * Runs `saquery` on the n-th node and returns the records that it prints. The simulator truncates tables of more than
 * 168 bytes (three groups, two paths).
 *
 * @throws Error if `saquery` fails
 */
export async function saquery(
  simulator: Simulator,
  node: number,
  ...args: string[]
): Promise<Printed[]> {
  const { success, stdout, stderr } = await new Deno.Command("saquery", {
    args,
    cwd: simulator.folder,
    env: simulator.environment(node),
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`saquery: ${text.decode(stderr)}`);
  return parsePrinted(text.decode(stdout));
}

/** Parses the output: an unindented line starts a record, `name....value` is a field. */
function parsePrinted(text: string): Printed[] {
  const records: Printed[] = [];
  for (const line of text.split("\n")) {
    if (/^\S/.test(line)) records.push({});
    const field = /^\s+(.*?[^.])\.{2,}(.*)$/.exec(line);
    if (field) records.at(-1)![field[1]!] = field[2]!;
  }
  return records;
}

/** Converts a record that `saquery MCMR` printed. */
export function printedMember(printed: Printed): McMemberRecord {
  const { number, gid } = readers(printed);
  return {
    mgid: gid("MGID"),
    portGid: gid("PortGid"),
    qkey: number("qkey"),
    mlid: number("mlid"),
    mtuSelector: selectorOf(number("mtu")),
    mtu: valueOf(number("mtu")),
    tclass: number("TClass"),
    pkey: number("pkey"),
    rateSelector: selectorOf(number("rate")),
    rate: valueOf(number("rate")),
    lifetimeSelector: selectorOf(number("pkt_life")),
    lifetime: valueOf(number("pkt_life")),
    sl: number("SL"),
    flowLabel: number("FlowLabel"),
    hopLimit: number("HopLimit"),
    scope: number("Scope"),
    joinState: number("JoinState"),
    proxyJoin: number("ProxyJoin") !== 0,
  };
}

/** Converts a record that `saquery PR` printed. */
export function printedPath(printed: Printed): PathRecord {
  const { number, gid } = readers(printed);
  const flow = number("hop_flow_raw");
  const numb = number("num_path_revers");
  return {
    serviceId: BigInt(printed["service_id"]!),
    dgid: gid("dgid"),
    sgid: gid("sgid"),
    dlid: number("dlid"),
    slid: number("slid"),
    rawTraffic: flow >>> 31 === 1,
    flowLabel: flow >>> 8 & 0xfffff,
    hopLimit: flow & 0xff,
    tclass: number("tclass"),
    reversible: (numb & 0x80) !== 0,
    numbPath: numb & 0x7f,
    pkey: number("pkey"),
    qosClass: number("qos_class"),
    sl: number("sl"),
    mtuSelector: selectorOf(number("mtu")),
    mtu: valueOf(number("mtu")),
    rateSelector: selectorOf(number("rate")),
    rate: valueOf(number("rate")),
    lifetimeSelector: selectorOf(number("pkt_life")),
    lifetime: valueOf(number("pkt_life")),
    preference: number("preference"),
  };
}

/**
 * Returns functions that read a field as a number or a GID. They throw an Error if the field is missing or malformed.
 */
export function readers(printed: Printed): {
  number(name: string): number;
  gid(name: string): Uint8Array;
} {
  const text = (name: string) => {
    const value = printed[name];
    if (value === undefined) {
      throw new Error(`saquery printed no field ${name}`);
    }
    return value;
  };
  return {
    number: (name) => Number(text(name)),
    gid: (name) => {
      const gid = parseGid(text(name));
      if (gid === undefined) {
        throw new Error(`Cannot parse ${name}: ${text(name)}`);
      }
      return gid;
    },
  };
}
