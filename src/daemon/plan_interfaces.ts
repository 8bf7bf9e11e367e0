/** Assignment of interface names to HCA ports. */

import { IpoibError } from "../base/errors.ts";
import type { ChosenHca, ChosenHcas } from "./choose_hca.ts";
import { Errno } from "../base/errno.ts";

const PREFIX = "ib";

/** An interface to create. */
export interface PlannedInterface {
  name: string;
  hca: ChosenHca;
}

/**
 * Assigns names to ports in order. Without names the ports of verbs devices are named `ib0`, `ib1`, ..., and the soft
 * HCA gets one interface `ib0`. With names the soft HCA provides one port per name.
 *
 * Throws `E_HCA` (ENODEV) if there are more names than ports, `E_GUID` (EINVAL) for a GUID with several interfaces.
 */
export function planInterfaces(
  names: readonly string[],
  hcas: ChosenHcas,
  guid?: bigint,
): PlannedInterface[] {
  const ports = portsFor(names.length, hcas);
  if (names.length > ports.length) throw tooManyNames(names, ports);
  const used = names.length === 0 ? ports : ports.slice(0, names.length);
  if (guid !== undefined && used.length > 1) {
    throw new IpoibError(
      "E_GUID",
      `One GUID cannot be assigned to ${used.length} interfaces`,
      { errno: Errno.EINVAL, hint: "start each interface with its own --guid" },
    );
  }
  return used.map((hca, i) => ({ name: names[i] ?? `${PREFIX}${i}`, hca }));
}

function portsFor(names: number, hcas: ChosenHcas): readonly ChosenHca[] {
  if (hcas.kind === "verbs") return hcas.ports;
  const { subnet } = hcas;
  return Array.from({ length: Math.max(1, names) }, () => ({
    kind: "soft",
    subnet,
  }));
}

function tooManyNames(
  names: readonly string[],
  ports: readonly ChosenHca[],
): IpoibError {
  const known = ports.map((hca) =>
    hca.kind === "verbs" ? `${hca.device}/${hca.port}` : hca.subnet
  );
  const count = ports.length === 1 ? "is 1 port" : `are ${ports.length} ports`;
  return new IpoibError(
    "E_HCA",
    `There ${count} for ${names.length} interfaces: ${known.join(", ")}`,
    {
      errno: Errno.ENODEV,
      hint: `omit ${
        names.slice(ports.length).join(", ")
      }; \`ipoib link add\` creates another interface on a port`,
    },
  );
}
