/**
 * The fabric of the recordings: a switch with the subnet manager on its port 0, and four ports behind it.
 *
 * It is what the embedded subnet looks like to its ports, so that answers can be compared byte by byte.
 */

/** Ports 1 to 4. */
export const PORTS = [1, 2, 3, 4] as const;
export const MANAGER_GUID = 0x1n;
export const MANAGER_LID = 1;

/** The GUID of the n-th port. */
export function portGuid(n: number): bigint {
  return 0x0002c90300000001n + BigInt(n) * 0x100n;
}

/** The LID of the n-th port. */
export function portLid(n: number): number {
  return n + 1;
}

/** The LID of the n-th port; 0 is the switch. */
export function nodeLid(n: number): number {
  return n === 0 ? MANAGER_LID : portLid(n);
}

/** The simulator's name of the n-th port's node; 0 is the switch. */
export function nodeName(n: number): string {
  return n === 0 ? "switch" : `host${n}`;
}

const hex = (value: bigint | number, digits: number) =>
  `0x${value.toString(16).padStart(digits, "0")}`;

/**
 * The fabric in the simulator's language. Every link has four lanes of EDR: widths, speeds and extended
 * speeds are bit masks. A port's GUID is that of its node plus the port number.
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

/** OpenSM's file of LIDs to give: GUID, first and last LID. */
export function lidFile(): string {
  const entry = (guid: bigint, lid: number) =>
    `${hex(guid, 16)} ${hex(lid, 4)} ${hex(lid, 4)}\n`;
  return [
    entry(MANAGER_GUID, MANAGER_LID),
    ...PORTS.map((n) => entry(portGuid(n), portLid(n))),
  ].join("\n");
}
