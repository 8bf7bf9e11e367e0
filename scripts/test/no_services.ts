/** Prevents the services of installed packages from starting on this host: the suites start them in namespaces. */

import type { Cleanup } from "../cleanup.ts";

/**
 * Policy script that invoke-rc.d(8) and deb-systemd-invoke run before they start a service. Exit code 101 forbids it.
 */
const POLICY = "/usr/sbin/policy-rc.d";
const FORBID = "#!/bin/sh\nexit 101\n";

/** Services by a program of their package. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  keepalived: ["keepalived"],
  nginx: ["nginx"],
  bird: ["bird"],
  smcrouted: ["smcroute", "smcroute-helper"],
  radvd: ["radvd"],
  prometheus: ["prometheus"],
  "kea-dhcp4": ["kea-dhcp4-server"],
  "kea-dhcp6": ["kea-dhcp6-server"],
  "avahi-daemon": ["avahi-daemon.socket", "avahi-daemon"],
};

/** Runs `work`, which installs packages, and prevents their services from starting now and at boot. */
export async function withoutServices<T>(
  isInstalled: (program: string) => boolean,
  cleanup: Cleanup,
  work: () => Promise<T>,
  policy = POLICY,
): Promise<T> {
  const missing = Object.keys(SERVICES).filter((name) => !isInstalled(name));
  const allow = forbid(policy);
  cleanup.add(allow);
  try {
    return await work();
  } finally {
    allow();
    for (const name of missing) {
      if (isInstalled(name)) await stop(SERVICES[name]!);
    }
  }
}

/** Forbids the start of services and returns a function that allows it again. Keeps an existing policy of the host. */
function forbid(policy: string): () => void {
  try {
    Deno.writeTextFileSync(policy, FORBID, { createNew: true, mode: 0o755 });
  } catch {
    return () => {};
  }
  let exists = true;
  return () => {
    if (exists) Deno.removeSync(policy);
    exists = false;
  };
}

async function stop(services: readonly string[]): Promise<void> {
  const systemd = isDirectory("/run/systemd/system");
  for (const service of services) {
    const words = systemd
      ? ["systemctl", "disable", "--now", service]
      : ["service", service, "stop"];
    const [program, ...args] = words as [string, ...string[]];
    try {
      await new Deno.Command(program, {
        args,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).output();
    } catch {
      // The host has no service manager.
    }
  }
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
