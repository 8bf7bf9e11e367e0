/** Checks of the host: rights, files, devices and libraries. */

import { Errno, errnoText } from "../../base/errno.ts";
import type { DeviceFacts, HostFacts, LibraryFacts } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";

const TUN = "/dev/net/tun";
const MEBIBYTE = 1024 * 1024;
/** Bytes that a port and its first interface lock: 34 MB of packets to send, and a receive ring of 8.5 MB. */
const LOCKED_BYTES = 43 * MEBIBYTE;

export const hostChecks: readonly Check<HostFacts>[] = [
  { name: "rights", run: rights },
  { name: "tun", run: tun },
  { name: "runtime", run: runtimeDirectory },
  { name: "devices", run: devices },
  { name: "device files", run: deviceFiles },
  { name: "libraries", run: libraries },
  { name: "providers", run: providers },
  { name: "locked memory", run: lockedMemory },
];

function rights({ rights: { netAdmin, sysAdmin } }: HostFacts): Finding {
  const missing = [
    ...(netAdmin ? [] : ["CAP_NET_ADMIN"]),
    ...(sysAdmin ? [] : ["CAP_SYS_ADMIN"]),
  ];
  return missing.length === 0
    ? ok("this user may create interfaces", ["CAP_NET_ADMIN, CAP_SYS_ADMIN"])
    : warning(
      `this user has no ${missing.join(" and no ")}`,
      "run ipoib up and ipoib doctor as root, or with these capabilities",
    );
}

function tun({ tunErrno: errno }: HostFacts): Finding {
  switch (errno) {
    case 0:
      return ok(`${TUN} can be opened`);
    case Errno.ENOENT:
      return failure(
        `${TUN} does not exist`,
        "modprobe tun; in a container, pass the file through: --device /dev/net/tun",
      );
    case Errno.ENODEV:
      return failure(`the kernel has no TUN driver`, "modprobe tun");
    case Errno.EACCES:
    case Errno.EPERM:
      return failure(
        `no permission to open ${TUN}`,
        `run ipoib up as root, or chmod 666 ${TUN}; in a container, allow the device 10:200`,
      );
    default:
      return failure(
        `${TUN} cannot be opened: ${errnoText(errno)}`,
        "see the log of the kernel: dmesg",
      );
  }
}

function runtimeDirectory({ runtime }: HostFacts): Finding {
  const { path, error, writable } = runtime;
  if (error) {
    return failure(error.message, error.hint ?? "set IPOIB_RUNTIME_DIR");
  }
  return writable ? ok(`${path} is usable`) : warning(
    `this user may not create files in ${path}`,
    "run ipoib up as root, or set IPOIB_RUNTIME_DIR to another directory",
  );
}

function devices({ devices }: HostFacts): Finding {
  if (devices.length === 0) {
    return ok("no RDMA device; interfaces use the embedded subnet");
  }
  const ports = devices.flatMap(({ name, ports }) =>
    ports.map(({ port, linkLayer }) => ({ text: `${name}/${port}`, linkLayer }))
  );
  const list = ports.map(({ text, linkLayer }) => `${text} (${linkLayer})`);
  const usable = ports.filter(({ linkLayer }) => linkLayer === "infiniband");
  if (usable.length > 0) {
    return ok(`ports ${usable.map(({ text }) => text).join(", ")}`, list);
  }
  return warning(
    `no InfiniBand port: ${list.join(", ") || "the devices have no port"}`,
    "interfaces use the embedded subnet; on an Ethernet port, --roce reaches hosts that run ipoib",
  );
}

function deviceFiles({ devices }: HostFacts): Finding[] | Finding | undefined {
  if (devices.length === 0) return undefined;
  const problems = devices.flatMap(({ fileProblems }) => fileProblems);
  return problems.length === 0
    ? ok("those of /dev/infiniband can be opened")
    : problems.map(({ message, hint }) =>
      failure(message, hint ?? "see ls -l /dev/infiniband")
    );
}

function libraries({ devices, libraries }: HostFacts): Finding {
  const missing = libraries.filter(({ path }) => path === undefined);
  const found = libraries.flatMap(({ path }) => path ?? []);
  if (missing.length === 0) {
    return ok(libraries.map(versioned).join(", "), found);
  }
  const names = missing.map(({ name }) => name).join(" and ");
  const packages = missing.map((each) => each.package).join(" ");
  return devices.length === 0
    ? ok(`no ${names}; only devices need them`, found)
    : failure(`${names} cannot be loaded`, `apt install ${packages}`, found);
}

/** Returns the name of a library with the version in its file name. */
function versioned({ name, path = "" }: LibraryFacts): string {
  const version = /\.so\.([\d.]+)$/.exec(path)?.[1];
  return version === undefined ? name : `${name} ${version}`;
}

function providers({ devices }: HostFacts): Finding | undefined {
  if (devices.length === 0) return undefined;
  const without = devices.filter(({ provided }) => provided === false);
  if (without.length > 0) {
    return failure(
      `libibverbs has no provider for ${namesOf(without)}`,
      "apt install ibverbs-providers",
    );
  }
  return devices.some(({ provided }) => provided === undefined)
    ? skipped("libibverbs cannot list the devices")
    : ok(`for ${namesOf(devices)}`);
}

function lockedMemory(
  { devices, lockableBytes }: HostFacts,
): Finding | undefined {
  if (devices.length === 0) return undefined;
  if (lockableBytes === Infinity) return ok("no limit");
  const limit = `${Math.floor(lockableBytes / MEBIBYTE)} MiB`;
  return lockableBytes >= LOCKED_BYTES ? ok(`the limit is ${limit}`) : warning(
    `the limit is ${limit}; a port and an interface lock 43 MiB`,
    "ulimit -l unlimited, LimitMEMLOCK=infinity in the unit, or CAP_IPC_LOCK; otherwise the kernel segments, and rings are small",
  );
}

function namesOf(devices: readonly DeviceFacts[]): string {
  return devices.map(({ name }) => name).join(", ");
}
