/**
 * The test rig: virtual machines in which the Linux kernel's own ib_ipoib runs on a software InfiniBand port.
 *
 * Layout `three`, booted once for all tests of a run: `a` with the subnet administrator and the kernel's ib0, `b` with the
 * kernel's ib0, `c` with ours. Layout `one`: a machine with two ports. The rig lies in `rig/` of the folder that `IPOIB_SHARED` names (by
 * default `shared` beside the checkout).
 */

import { Guest } from "./guest.ts";

const top = new URL("../../", import.meta.url).pathname;

/** Where the rig's command is. */
export function rigCommand(): string {
  return `${Deno.env.get("IPOIB_SHARED") ?? `${top}../shared`}/rig/rig`;
}

/** Machines end by themselves after this, whatever happens to us; a run with `IPOIB_FULL=1` takes half of it. */
const LIFE_SECONDS = "3600";
/** What the rig says if its machines run, which were then started by somebody else. */
const ALREADY = "already running";
const LAYOUTS = { one: ["s"], three: ["a", "b", "c"] } as const;

export type Layout = keyof typeof LAYOUTS;
export type GuestName<L extends Layout> = typeof LAYOUTS[L][number];

export class Rig<L extends Layout> {
  readonly guests: Readonly<Record<GuestName<L>, Guest>>;

  private constructor(layout: L) {
    this.guests = Object.fromEntries(
      LAYOUTS[layout].map((name) => [name, new Guest(name, rigCommand())]),
    ) as Record<GuestName<L>, Guest>;
  }

  /** Builds the rig if that was never done, and boots it with this checkout as `/project`. */
  static async start<L extends Layout>(layout: L): Promise<Rig<L>> {
    await rig("build");
    try {
      await rig("start", layout, "--project", top);
    } catch (error) {
      // A start that was cut short leaves machines.
      if (!String(error).includes(ALREADY)) await rig("stop");
      throw error;
    }
    return new Rig(layout);
  }

  async stop(): Promise<void> {
    await rig("stop");
  }
}

async function rig(...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(rigCommand(), {
    args,
    env: { RIG_TIMEOUT: Deno.env.get("RIG_TIMEOUT") ?? LIFE_SECONDS },
    stdin: "null",
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new Error(
    `rig ${args[0]}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`,
  );
}
