/**
 * The test rig: virtual machines in which the Linux kernel's own ib_ipoib runs on a software InfiniBand port.
 *
 * Layout `three`, booted once for all tests of a run: `a` with the subnet administrator and the kernel's ib0, `b` with the
 * kernel's ib0, `c` with ours. Layout `one`: a machine with two ports. The rig lies in `rig/` of the folder that `IPOIB_SHARED` names (by
 * default `shared` beside the checkout).
 */

import { bundle } from "./bundle.ts";
import { Guest, type RigCommand } from "./guest.ts";
import { completeKernel } from "./kernel_packages.ts";
import { report } from "./report.ts";

const top = new URL("../../", import.meta.url).pathname;

/** Where the rig's command is. */
function rigCommand(): string {
  return `${Deno.env.get("IPOIB_SHARED") ?? `${top}../shared`}/rig/rig`;
}

/** Machines end by themselves after this, whatever happens to us: longer than a full run on a slow machine. */
const LIFE_SECONDS = "14400";
const LAYOUTS = { one: ["s"], three: ["a", "b", "c"] } as const;

export type Layout = keyof typeof LAYOUTS;
export type GuestName<L extends Layout> = typeof LAYOUTS[L][number];

export class Rig<L extends Layout> {
  readonly guests: Readonly<Record<GuestName<L>, Guest>>;
  readonly #command: RigCommand;

  private constructor(layout: L, command: RigCommand) {
    this.#command = command;
    this.guests = Object.fromEntries(
      LAYOUTS[layout].map((name) => [name, new Guest(name, command)]),
    ) as Record<GuestName<L>, Guest>;
  }

  /**
   * Builds the rig if that was never done, and boots it with this checkout as `/project`. Its state is in a folder of
   * its own, so that several may run on one machine.
   */
  static async start<L extends Layout>(layout: L): Promise<Rig<L>> {
    const build = await buildRig();
    const cache = await Deno.makeTempDir({ prefix: "ipoib-rig-" });
    await Deno.symlink(build, `${cache}/${build.split("/").at(-1)}`);
    const rig = new Rig(layout, {
      program: rigCommand(),
      main: await bundle(top, `${cache}/bundle`),
      env: {
        RIG_CACHE: cache,
        RIG_TIMEOUT: Deno.env.get("RIG_TIMEOUT") ?? LIFE_SECONDS,
      },
    });
    try {
      await must(rig.#command, "start", layout, "--project", top);
    } catch (error) {
      // A start that was cut short leaves machines.
      await rig.stop();
      throw error;
    }
    const guests = Object.values<Guest>(rig.guests);
    await Promise.all(guests.map((guest) => guest.measure()));
    report(
      `machines are slower than usual by ${
        guests.map(({ name, slowness }) => `${name} ${slowness}`).join(", ")
      }`,
    );
    return rig;
  }

  async stop(): Promise<void> {
    await must(this.#command, "stop");
    await Deno.remove(this.#command.env["RIG_CACHE"]!, { recursive: true });
  }
}

/** Builds what the machines run, if that was never done; returns the folder of the build. */
async function buildRig(): Promise<string> {
  const run = (env: Record<string, string>) =>
    must({ program: rigCommand(), env }, "build");
  const output = await run({}).catch(async (error) => {
    const folder = await Deno.makeTempDir({ prefix: "ipoib-rig-" });
    try {
      const env = await completeKernel(folder);
      if (!env) throw error;
      return await run(env);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
  const [, build] = /: (\/\S+) \(/.exec(output) ?? [];
  if (build === undefined) throw new Error(`rig build: ${output}`);
  return build;
}

async function must(
  { program, env }: Pick<RigCommand, "program" | "env">,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  if (success) return output;
  throw new Error(`rig ${args[0]}: ${output}`);
}
