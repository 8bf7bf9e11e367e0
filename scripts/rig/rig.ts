/**
 * Test rig: virtual machines in which the Linux kernel's ib_ipoib runs on a software InfiniBand port, in one of the
 * layouts of layouts.ts.
 *
 * QEMU emulates the machines, so they need neither KVM nor InfiniBand hardware. They boot packages of Debian 12 for
 * amd64 (images.ts). There is no subnet manager: files of the driver set LIDs and P_Keys (rxe_ib/README.md), and the
 * subnet administrator is a program on one of the ports (sa/).
 */

import { bundle } from "../bundle.ts";
import { Guest } from "./guest.ts";
import { type Images, provideImages } from "./images.ts";
import { type GuestName, type Layout, LAYOUTS, networkOf } from "./layouts.ts";
import { report } from "./report.ts";
import type { ScriptedMachine } from "./scripted_machine.ts";
import { startVm } from "./vm.ts";

const top = new URL("../../", import.meta.url).pathname;
/** Entry of the subnet administrator, which `guest/sa` starts. */
const ADMINISTRATOR = "scripts/rig/sa/main.ts";
/** Requests that the kernel sends for an address on a machine of normal speed, its default. */
const RESOLUTION_REQUESTS = 3;

export interface RigOptions {
  /** Processors of each machine. Default: 2. */
  readonly processors?: number;
}

export class Rig<L extends Layout> {
  readonly #vms: ScriptedMachine[] = [];
  readonly #folder: string;
  #guests: Record<string, Guest> = {};

  private constructor(folder: string) {
    this.#folder = folder;
  }

  get guests(): Readonly<Record<GuestName<L>, Guest>> {
    return this.#guests as Record<GuestName<L>, Guest>;
  }

  /** Builds the images if needed, boots the machines with this checkout at `/project`, and brings up the ports. */
  static async start<L extends Layout>(
    layout: L,
    options: RigOptions = {},
  ): Promise<Rig<L>> {
    const images = await provideImages();
    const folder = await Deno.makeTempDir({ prefix: "ipoib-rig-" });
    const rig = new Rig<L>(folder);
    try {
      await rig.#boot(LAYOUTS[layout], images, options);
    } catch (error) {
      // Some machines may already run.
      await rig.stop();
      throw error;
    }
    return rig;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#vms.map((vm) => vm.stop()));
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #boot(
    names: readonly string[],
    images: Images,
    { processors = 2 }: RigOptions,
  ): Promise<void> {
    const bundles = `${this.#folder}/bundle`;
    await bundle(top, bundles, [ADMINISTRATOR]);
    for (const [index, name] of names.entries()) {
      const { options: network, needs } = networkOf(index, names.length);
      if (needs) await this.#vms[0]!.makes(`${this.#folder}/${needs}`);
      this.#vms.push(
        await startVm({
          name,
          images,
          folder: this.#folder,
          network,
          processors,
          project: top,
          environment: environment(bundles),
        }),
      );
    }
    await Promise.all(this.#vms.map((vm) => vm.booted()));
    const guests = this.#vms.map((vm) => new Guest(vm));
    await Promise.all(guests.map((guest) => guest.measure()));
    report(
      `slowness of the machines: ${
        guests.map(({ name, slowness }) => `${name} ${slowness}`).join(", ")
      }`,
    );
    await Promise.all(guests.map(allowResolution));
    await Promise.all(guests.map((each) => each.must("/rig/guest/port-setup")));
    this.#guests = Object.fromEntries(
      guests.map((guest) => [guest.name, guest]),
    );
  }
}

/**
 * Lets the kernel send more requests for an address than three if the machine is slow, because they are a second apart
 * on a machine of any speed: the time to resolve an address is a time limit like those of the tests.
 */
async function allowResolution(guest: Guest): Promise<void> {
  const requests = guest.patient(RESOLUTION_REQUESTS);
  await guest.must(
    ["ipv4", "ipv6"].map((family) =>
      `echo ${requests} > /proc/sys/net/${family}/neigh/default/mcast_solicit`
    ).join("\n"),
  );
}

/** Returns the environment of the guests, which run the same Deno with the host's cache. */
function environment(bundles: string): Record<string, string> {
  const { HOME, PATH, DENO_DIR } = Deno.env.toObject();
  return {
    HOME: HOME ?? "/root",
    HOST_PATH: PATH ?? "",
    DENO: Deno.execPath(),
    BUNDLE: bundles,
    ...DENO_DIR ? { DENO_DIR } : {},
  };
}
