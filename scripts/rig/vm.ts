/**
 * A virtual machine: QEMU emulates the processor, and a folder of the host is the root file system, below a layer in
 * memory.
 */

import type { Images } from "./images.ts";
import {
  controlFolder,
  type MachineOptions,
  ScriptedMachine,
} from "./scripted_machine.ts";

/**
 * The kernel's command line. Without `no_timer_check` a kernel panics at boot when its processor is stopped while it
 * counts the timer's interrupts, which happens on a busy host. The TSC is the clock: to read the HPET, which Linux
 * prefers in QEMU, takes an exit from the emulated processor.
 */
const COMMAND_LINE =
  "console=ttyS0 panic=-1 quiet net.ifnames=0 no_timer_check tsc=reliable";
/**
 * Without fast `rep movsb`, of which QEMU emulates each byte: Linux and glibc copy and clear memory by words instead, and
 * TCP between machines is twice as fast.
 */
const PROCESSOR = "max,erms=off,fsrm=off";
const MEMORY_MIB = 2048;
/**
 * Priority over other processes of a busy host: the kernels of the machines have time limits that a test cannot scale, for
 * example for duplicate addresses and for the communication manager. Without the permission, nice(1) warns and goes on.
 */
const NICENESS = -5;
/** Folder of the scripts in the machines. */
export const GUEST_FOLDER = new URL("guest", import.meta.url).pathname;

export interface VmOptions extends MachineOptions {
  readonly images: Images;
  /** The root file system. Default: that of the host. */
  readonly root?: string;
  /** QEMU options of the network devices. Its sockets are in the folder. */
  readonly network: readonly string[];
  readonly processors: number;
  /** Checkout that the machine mounts at `/project`. */
  readonly project: string;
}

/** Starts a virtual machine. */
export function startVm(options: VmOptions): Promise<ScriptedMachine> {
  return ScriptedMachine.start(qemu(options), options);
}

/** Returns QEMU's command line. */
function qemu(options: VmOptions): string[] {
  const { name, images, root = "/", network, processors, project } = options;
  const { kernel, initramfs, driver } = images;
  const shares = {
    host: root,
    modules: kernel.modules,
    driver,
    project,
    guest: GUEST_FOLDER,
  };
  const share = (tag: string, path: string, options: string) => [
    "-virtfs",
    `local,path=${
      path.replaceAll(",", ",,")
    },mount_tag=${tag},security_model=none,multidevs=remap${options}`,
  ];
  return [
    ...["nice", "-n", String(NICENESS)],
    ...["qemu-system-x86_64", "-name", `ipoib-rig-${name}`],
    ...["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", PROCESSOR],
    ...["-m", String(MEMORY_MIB), "-smp", String(processors)],
    ...["-display", "none", "-monitor", "none", "-no-reboot"],
    ...["-serial", `file:${name}/console`],
    ...["-kernel", kernel.image, "-initrd", initramfs],
    ...["-append", COMMAND_LINE],
    ...["-device", "virtio-rng-pci"],
    ...network,
    ...Object.entries(shares).flatMap(([tag, path]) =>
      share(tag, path, ",readonly=on")
    ),
    ...share("control", controlFolder(options), ""),
  ];
}
