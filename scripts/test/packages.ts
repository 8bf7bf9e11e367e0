/** Programs that suites use, and their Debian packages. */

import { type Cleanup, endChild } from "../cleanup.ts";
import { withoutServices } from "./no_services.ts";

/** Debian package of each program, or of a file with an absolute path. */
export const PACKAGE_OF = {
  ethtool: "ethtool",
  ip: "iproute2",
  ping: "iputils-ping",
  iperf3: "iperf3",
  keepalived: "keepalived",
  nginx: "nginx-light",
  wrk: "wrk",
  tshark: "tshark",
  socat: "socat",
  pkill: "procps",
  bird: "bird2",
  smcrouted: "smcroute",
  "avahi-daemon": "avahi-daemon",
  "avahi-resolve": "avahi-utils",
  dnsmasq: "dnsmasq-base",
  udhcpc: "udhcpc",
  dhcpcd: "dhcpcd-base",
  "kea-dhcp4": "kea-dhcp4-server",
  "kea-dhcp6": "kea-dhcp6-server",
  radvd: "radvd",
  prometheus: "prometheus",
  promtool: "prometheus",
  script: "bsdutils",
  xmllint: "libxml2-utils",
  rdisc6: "ndisc6",
  mmdebstrap: "mmdebstrap",
  "systemd-analyze": "systemd",
  "systemd-nspawn": "systemd-container",
  "/usr/lib/cni/host-local": "containernetworking-plugins",
  podman: "podman",
  runc: "runc",
  busybox: "busybox-static",
  journalctl: "systemd",
  opensm: "opensm",
  ibsim: "ibsim-utils",
  saquery: "infiniband-diags",
  mandoc: "mandoc",
  man: "man-db",
  zsh: "zsh",
  fish: "fish",
  gcc: "gcc",
  "gcc-12": "gcc-12",
  make: "make",
  strip: "binutils",
  xz: "xz-utils",
  cpio: "cpio",
  modprobe: "kmod",
  "qemu-system-x86_64": "qemu-system-x86",
  "/usr/include/stdio.h": "libc6-dev",
  "/usr/include/infiniband/verbs.h": "libibverbs-dev",
  "/usr/include/infiniband/umad.h": "libibumad-dev",
  "/usr/lib/x86_64-linux-gnu/libpcap.so.0.8": "libpcap0.8",
  "/usr/lib/x86_64-linux-gnu/libelf.so.1": "libelf1",
  "/usr/lib/x86_64-linux-gnu/libibverbs.so.1": "libibverbs1",
  "/usr/lib/x86_64-linux-gnu/libibumad.so.3": "libibumad3",
  "/etc/libibverbs.d/rxe.driver": "ibverbs-providers",
} as const;

/** Lets apt-get wait for the lock of another one, in seconds. */
const WAIT = ["-o", "DPkg::Lock::Timeout=600"];

/** A program or file that a suite uses. */
export type Tool = keyof typeof PACKAGE_OF;

/** True if the file `name` exists, or a program `name` in PATH or in an sbin folder, which a user's PATH may lack. */
export function isInstalled(name: string): boolean {
  if (name.startsWith("/")) return isFile(name);
  const path = (Deno.env.get("PATH") ?? "").split(":");
  return [...path, "/usr/sbin", "/sbin"].some((folder) =>
    isFile(`${folder}/${name}`)
  );
}

/** Returns the packages of `tools`, sorted and without duplicates. */
export function packagesOf(tools: Iterable<Tool>): string[] {
  return [...new Set([...tools].map((tool) => PACKAGE_OF[tool]))].sort();
}

/**
 * Installs packages with apt and does not start their services. Without packages, waits until the apt of a killed run
 * has ended. If the run is interrupted, lets apt end first. Returns the error output, or undefined on success.
 *
 * @param policy path of the policy script (no_services.ts)
 */
export async function install(
  packages: readonly string[],
  cleanup: Cleanup,
  policy?: string,
): Promise<string | undefined> {
  const updated = packages.length === 0
    ? { ok: true, text: "" }
    : await apt(["update", "-q"], cleanup);
  const words = ["install", "-q", "-y", "--no-install-recommends", ...WAIT];
  const installed = await withoutServices(
    isInstalled,
    cleanup,
    () => apt([...words, ...packages], cleanup),
    policy === undefined ? {} : { policy },
  );
  if (installed.ok) return undefined;
  return [updated, installed].filter((step) => !step.ok)
    .map((step) => step.text).join("\n");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Runs apt-get. If the run is interrupted, waits for its end: SIGINT stops it at once, or after the running dpkg. */
async function apt(
  args: readonly string[],
  cleanup: Cleanup,
): Promise<{ ok: boolean; text: string }> {
  if (cleanup.begun) throw new Error("interrupted");
  const child = new Deno.Command("apt-get", {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  cleanup.add(() => endChild(child, "SIGINT"));
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { ok: success, text: decoder.decode(success ? stdout : stderr) };
}
