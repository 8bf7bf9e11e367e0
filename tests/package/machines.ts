/** The two machines that boot a clean system with its systemd: a container, and a virtual machine with InfiniBand ports. */

import { bundle } from "../../scripts/bundle.ts";
import { SHELL_LOOP_USUAL_MS } from "../../scripts/machine.ts";
import { Guest } from "../../scripts/rig/guest.ts";
import { provideImages } from "../../scripts/rig/images.ts";
import { LAYOUTS, networkOf } from "../../scripts/rig/layouts.ts";
import {
  controlFolder,
  ScriptedMachine,
} from "../../scripts/rig/scripted_machine.ts";
import { GUEST_FOLDER, startVm } from "../../scripts/rig/vm.ts";
import type { CleanRoot } from "./clean_root.ts";
import { TemporaryFolder } from "./support.ts";

const TOP = new URL("../../", import.meta.url).pathname;
const BOOT_MS = 300_000;
/** The unit that runs the scripts of the test. */
const SCRIPTS = `[Unit]
Description=Scripts of the test
[Service]
EnvironmentFile=/rig/control/environment
Environment=LC_ALL=C.UTF-8 NO_COLOR=1
ExecStart=/bin/bash /rig/guest/serve
`;
/**
 * The unit of the subnet administrator, with the name of OpenSM's. Before it starts, it creates the ports `ibx0` and
 * `ibx1` on a veth pair (scripts/rig/layouts.ts).
 */
const ADMINISTRATOR = `[Unit]
Description=InfiniBand ports and their subnet administrator
[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/rig/control/environment
ExecStart=modprobe -a veth crc32_generic ib_uverbs ib_umad
ExecStart=/rig/guest/port-setup
ExecStart=/rig/guest/sa
`;
/** Time limits of all units, for a slow machine. */
const SLOW = `[Service]
TimeoutStartSec=600
TimeoutStopSec=300
`;
const INIT = "/lib/systemd/systemd";
/** Paths in the virtual machine of Deno and of the bundle with the subnet administrator. */
const DENO = "/srv/deno";
const BUNDLE = "/srv/bundle";
const MACHINE_ID = "0123456789abcdef0123456789abcdef\n";
/** The machine with two ports. */
const NAME = LAYOUTS.one[0];
const PROCESSORS = 2;

/** Starts a machine in a folder. */
type Start = (folder: string) => Promise<ScriptedMachine>;

/** A machine that has booted, until it is disposed of. Its time limits are those of a usual host, scaled. */
export class BootedMachine implements AsyncDisposable {
  readonly guest: Guest;
  readonly #owned: AsyncDisposableStack;

  private constructor(guest: Guest, owned: AsyncDisposableStack) {
    this.guest = guest;
    this.#owned = owned;
  }

  /** Starts a machine, and waits until it accepts scripts. */
  static async boot(start: Start): Promise<BootedMachine> {
    await using owned = new AsyncDisposableStack();
    const folder = owned.use(new TemporaryFolder());
    const machine = await start(folder.path);
    owned.defer(() => machine.stop());
    await machine.booted();
    const guest = new Guest(machine);
    await measure(guest);
    return new BootedMachine(guest, owned.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** Measures the slowness of a machine, compared with a usual host, not with an emulated machine. */
export function measure(guest: Guest): Promise<void> {
  return guest.measure(SHELL_LOOP_USUAL_MS.host);
}

/** Boots the system in a container. */
export async function bootContainer(root: CleanRoot): Promise<BootedMachine> {
  await addUnit(root, "scripts", SCRIPTS);
  return await BootedMachine.boot((folder) => {
    const options = { name: "container", folder, environment: {} };
    return ScriptedMachine.start(
      root.container([
        ...["--boot", "--console=pipe"],
        `--bind=${controlFolder(options)}:/rig/control`,
        `--bind-ro=${GUEST_FOLDER}:/rig/guest`,
      ]),
      options,
    );
  });
}

/** Boots the system in a virtual machine with the InfiniBand ports `ibx0` and `ibx1` and a subnet administrator. */
export async function bootVm(root: CleanRoot): Promise<BootedMachine> {
  await addUnit(root, "scripts", SCRIPTS);
  await addUnit(root, "opensm", ADMINISTRATOR);
  await addFile(root, "/etc/systemd/system/service.d/slow.conf", SLOW);
  // Without it systemd asks on the console for settings of a first boot.
  await addFile(root, "/etc/machine-id", MACHINE_ID);
  await Deno.copyFile(Deno.execPath(), `${root.path}${DENO}`);
  await bundle(TOP, `${root.path}${BUNDLE}`, ["scripts/rig/sa/main.ts"]);
  const images = await provideImages();
  return await BootedMachine.boot((folder) =>
    startVm({
      ...{ name: NAME, folder, images, root: root.path, project: TOP },
      ...{ network: networkOf(0, 1).options, processors: PROCESSORS },
      bootMs: BOOT_MS,
      environment: { INIT, HOME: "/root", DENO, BUNDLE },
    })
  );
}

/** Adds a unit that starts at boot. */
async function addUnit(
  root: CleanRoot,
  name: string,
  text: string,
): Promise<void> {
  const units = "/etc/systemd/system";
  await addFile(root, `${units}/${name}.service`, text);
  const wants = `${root.path}${units}/multi-user.target.wants`;
  await Deno.mkdir(wants, { recursive: true });
  await Deno.symlink(`../${name}.service`, `${wants}/${name}.service`);
}

async function addFile(
  root: CleanRoot,
  path: string,
  text: string,
): Promise<void> {
  const file = `${root.path}${path}`;
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(file, text);
}
