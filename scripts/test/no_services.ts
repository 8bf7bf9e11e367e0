/** Keeps the services that packages bring from running on this host: the suites run their own, in namespaces. */

import type { Cleanup } from "../cleanup.ts";

/** Asked by invoke-rc.d(8) and deb-systemd-invoke before anything is started; 101: forbidden by policy. */
const POLICY = "/usr/sbin/policy-rc.d";
const FORBID = "#!/bin/sh\nexit 101\n";

/** Services by the program that tells whether their package is there. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  keepalived: ["keepalived"],
  nginx: ["nginx"],
  bird: ["bird"],
  "avahi-daemon": ["avahi-daemon.socket", "avahi-daemon"],
};

/** Installs packages by `work`, which starts none of their services, now or when the host boots. */
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

/** Forbids the start of services; what it returns ends that. A policy that the host has stays as it is. */
function forbid(policy: string): () => void {
  try {
    Deno.writeTextFileSync(policy, FORBID, { createNew: true, mode: 0o755 });
  } catch {
    return () => {};
  }
  let there = true;
  return () => {
    if (there) Deno.removeSync(policy);
    there = false;
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
      // Nothing here starts services.
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
