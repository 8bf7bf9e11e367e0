/**
 * The test rig: virtual machines in which the Linux kernel's own ib_ipoib runs on a software InfiniBand port.
 *
 * One layout of three machines is booted for all tests of a run: `a` with the subnet administrator and the kernel's
 * ib0, `b` with the kernel's ib0, `c` with ours. The rig lies in `rig/` of the folder that `IPOIB_SHARED` names (by
 * default `shared` beside the checkout).
 */

import { Guest } from "./guest.ts";

const top = new URL("../../", import.meta.url).pathname;

/** Where the rig's command is. */
export function rigCommand(): string {
  return `${Deno.env.get("IPOIB_SHARED") ?? `${top}../shared`}/rig/rig`;
}

export type GuestName = "a" | "b" | "c";

export class Rig {
  readonly guests: Readonly<Record<GuestName, Guest>>;

  private constructor() {
    const guest = (name: GuestName) => new Guest(name, rigCommand());
    this.guests = { a: guest("a"), b: guest("b"), c: guest("c") };
  }

  /** Builds the rig if that was never done, and boots it with this checkout as `/project`. */
  static async start(): Promise<Rig> {
    await rig("build");
    await rig("start", "three", "--project", top);
    return new Rig();
  }

  async stop(): Promise<void> {
    await rig("stop");
  }
}

async function rig(...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(rigCommand(), {
    args,
    stdin: "null",
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new Error(
    `rig ${args[0]}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`,
  );
}
