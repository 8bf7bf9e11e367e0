/**
 * The fabric of the recordings: a switch with the subnet manager on its port 0, four ports on the switch, and their
 * partitions.
 *
 * The embedded subnet has the same topology and LIDs, so that its answers can be compared byte by byte.
 */

import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../src/wire/gid.ts";

/** Numbers of the ports. */
export const PORTS = [1, 2, 3, 4] as const;
export const MANAGER_GUID = 0x1n;
export const MANAGER_LID = 1;

/** Returns the GUID of the n-th port. */
export function portGuid(n: number): bigint {
  return 0x0002c90300000001n + BigInt(n) * 0x100n;
}

/** Returns the GID of the n-th port. */
export function portGid(
  n: number,
  subnetPrefix = DEFAULT_SUBNET_PREFIX,
): Uint8Array {
  return gidFrom(subnetPrefix, portGuid(n));
}

/** Returns the LID of the n-th port, the first of its LIDs if the LMC is greater than 0. */
export function portLid(n: number, lmc = 0): number {
  return n + 1 << lmc;
}

/** Returns the LID of the n-th node: port n, or the switch if n is 0. */
export function nodeLid(n: number): number {
  return n === 0 ? MANAGER_LID : portLid(n);
}

/** Returns the simulator's name of the n-th node. */
export function nodeName(n: number): string {
  return n === 0 ? "switch" : `host${n}`;
}

const hex = (value: bigint | number, digits: number) =>
  `0x${value.toString(16).padStart(digits, "0")}`;
const guid = (n: number) => hex(portGuid(n), 16);

/** All ports are full members of two IPoIB links. Two more partitions have some of the ports. */
export const PARTITIONS = `Default=0x7fff, ipoib : ALL=full ;
one=0x0001, ipoib : ALL=full ;
two=0x0002, ipoib : ${guid(1)}=full, ${guid(2)}=limited, ${guid(3)}=limited ;
bare=0x0003 : ${guid(1)}=full, ${guid(2)}=full ;
`;

/**
 * Returns the topology in ibsim's language. Every link has four lanes of EDR: the width (w), speed (s) and extended
 * speed (e) are bit masks. ibsim assigns a port the GUID of its node plus the port number.
 */
export function topology(): string {
  const speed = "w=2 s=7 e=3";
  const switchPorts = PORTS.map((n) => `[${n}] "${nodeName(n)}"[1] ${speed}\n`);
  const hosts = PORTS.map((n) =>
    `caguid=${hex(portGuid(n) - 1n, 16)}\nHca 1 "${nodeName(n)}"\n` +
    `[1] "${nodeName(0)}"[${n}] ${speed}\n`
  );
  return [
    `switchguid=${hex(MANAGER_GUID, 16)}\nSwitch ${PORTS.length} "${
      nodeName(0)
    }"\n${switchPorts.join("")}`,
    ...hosts,
  ].join("\n");
}

/** Returns OpenSM's guid2lid file. Each line has a GUID and its first and last LID. The LMC is not that of the switch. */
export function lidFile(lmc: number): string {
  const entry = (guid: bigint, lid: number, last: number) =>
    `${hex(guid, 16)} ${hex(lid, 4)} ${hex(last, 4)}\n`;
  return [
    entry(MANAGER_GUID, MANAGER_LID, MANAGER_LID),
    ...PORTS.map((n) => {
      const lid = portLid(n, lmc);
      return entry(portGuid(n), lid, lid + (1 << lmc) - 1);
    }),
  ].join("\n");
}
