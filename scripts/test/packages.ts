/** Programs that suites use, and their Debian packages. */

import type { Cleanup } from "../cleanup.ts";
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

/** Installs packages with apt and does not start their services. Returns the error output, or undefined on success. */
export async function install(
  packages: string[],
  cleanup: Cleanup,
): Promise<string | undefined> {
  const updated = await run("apt-get", ["update", "-q"]);
  const words = ["install", "-q", "-y", "--no-install-recommends"];
  const installed = await withoutServices(
    isInstalled,
    cleanup,
    () => run("apt-get", [...words, ...packages]),
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

async function run(
  program: string,
  args: string[],
): Promise<{ ok: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { ok: success, text: decoder.decode(success ? stdout : stderr) };
}
