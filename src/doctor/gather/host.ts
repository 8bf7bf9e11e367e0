/** Collects the facts about the host. Opens no device and changes nothing. */

import { libibumad } from "../../../ffi/libibumad.ts";
import { IpoibError } from "../../base/errors.ts";
import { deviceFileError, tryOpen } from "../../hca/verbs/access.ts";
import { listedDevices, verbsLibrary } from "../../hca/verbs/device.ts";
import { probeVerbs, type VerbsProbe } from "../../hca/verbs/probe.ts";
import { checkRuntimeDirectory } from "../../ipc/runtime_directory.ts";
import { Capability, hasCapability } from "../../system/capability.ts";
import { lockedMemory } from "../../system/locked_memory.ts";
import { readTextFile } from "../../system/read_files.ts";
import type {
  DeviceFacts,
  HostFacts,
  LibraryFacts,
  Problem,
} from "../facts.ts";
import { isWritable } from "./writable.ts";

const TUN = "/dev/net/tun";
/** Bytes of /proc/self/maps that are searched. */
const MAX_MAPS = 1024 * 1024;

/**
 * @param runtime path of the runtime directory
 * @param probe the devices of the host
 */
export function gatherHost(
  runtime: string,
  probe: VerbsProbe = probeVerbs(),
): HostFacts {
  return {
    rights: {
      netAdmin: hasCapability(Capability.NetAdmin),
      sysAdmin: hasCapability(Capability.SysAdmin),
    },
    tunErrno: tryOpen(TUN),
    runtime: {
      path: runtime,
      error: runtimeProblem(runtime),
      writable: isWritable(runtime, {
        uid: Deno.uid()!,
        overrides: hasCapability(Capability.DacOverride),
      }),
    },
    devices: gatherDevices(probe),
    libraries: gatherLibraries(),
    lockableBytes: lockedMemory().allowed,
  };
}

function runtimeProblem(runtime: string): Problem | undefined {
  try {
    checkRuntimeDirectory(runtime);
    return undefined;
  } catch (error) {
    return IpoibError.from(error);
  }
}

function gatherDevices({ devices, ports }: VerbsProbe): DeviceFacts[] {
  if (devices.length === 0) return [];
  const listed = listDevices();
  return devices.map((name) => {
    const own = ports.filter(({ device }) => device === name);
    return {
      name,
      ports: own.map(({ port, linkLayer }) => ({ port, linkLayer })),
      fileProblems: [
        deviceFileError("uverbs", name),
        // Only InfiniBand ports have device files for MADs that are needed.
        ...own.filter(({ linkLayer }) => linkLayer === "infiniband")
          .map(({ port }) => deviceFileError("umad", name, port)),
      ].filter((problem) => problem !== undefined),
      provided: listed?.includes(name),
    };
  });
}

/** Returns the devices that libibverbs lists; undefined if it cannot be loaded, or cannot list them. */
function listDevices(): string[] | undefined {
  try {
    return listedDevices(verbsLibrary());
  } catch {
    return undefined;
  }
}

function gatherLibraries(): LibraryFacts[] {
  return [
    {
      name: "libibverbs",
      package: "libibverbs1 ibverbs-providers",
      open: verbsLibrary,
    },
    { name: "libibumad", package: "libibumad3", open: libibumad },
  ].map(({ name, open, ...rest }) => ({
    name,
    ...rest,
    path: loaded(open) ? mappedFile(name) : undefined,
  }));
}

function loaded(open: () => unknown): boolean {
  try {
    open();
    return true;
  } catch {
    return false;
  }
}

/** Returns the path of a library that this process has mapped, or its name if it is not found. */
function mappedFile(name: string): string {
  const maps = readTextFile("/proc/self/maps", MAX_MAPS) ?? "";
  const line = maps.split("\n").find((each) => each.includes(`/${name}.so`));
  return line?.slice(line.indexOf("/")) ?? name;
}
