/** Prevents the services of installed packages from starting on this host: the suites start them in namespaces. */

import type { Cleanup } from "../cleanup.ts";

/**
 * Policy script that invoke-rc.d(8) and deb-systemd-invoke run before they start a service. Exit code 101 forbids it.
 */
const POLICY = "/usr/sbin/policy-rc.d";
/** Start of the line that marks a policy of this module. The programs that were missing before follow. */
const MARK = "# Tests of ipoib install packages; missing before:";

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

/** Parts that tests replace. */
interface Parts {
  /** Path of the policy script. */
  readonly policy?: string;
  /** Stops services, and prevents them from starting at boot. */
  readonly stop?: (services: readonly string[]) => Promise<void>;
}

/**
 * Runs `work`, which installs packages, and prevents their services from starting now and at boot. First waits until no
 * other run does so, and then does what a killed one has left to do. If the cleanup has begun, throws an error.
 */
export async function withoutServices<T>(
  isInstalled: (program: string) => boolean,
  cleanup: Cleanup,
  work: () => Promise<T>,
  { policy = POLICY, stop = stopServices }: Parts = {},
): Promise<T> {
  // The lock ends with this process, also if it is killed.
  using folder = await Deno.open(policy.slice(0, policy.lastIndexOf("/")));
  await folder.lock(true);
  if (cleanup.begun) throw new Error("interrupted");
  const missing = forbid(
    policy,
    Object.keys(SERVICES).filter((name) => !isInstalled(name)),
  );
  const finish = async () => {
    for (const name of missing) {
      if (isInstalled(name)) await stop(SERVICES[name]!);
    }
    allow(policy);
  };
  let finished: Promise<void> | undefined;
  const finishOnce = () => finished ??= finish();
  cleanup.add(finishOnce);
  try {
    return await work();
  } finally {
    await finishOnce();
  }
}

/** True if a run that was killed has left its policy, or another run installs packages now. */
export function policyIsLeft(policy: string = POLICY): boolean {
  return missingBefore(policy) !== undefined;
}

/**
 * Forbids the start of services. Keeps an existing policy of the host. Returns the programs that are missing, or were
 * missing when a killed run began, whose policy is replaced.
 */
function forbid(policy: string, missing: readonly string[]): string[] {
  const before = missingBefore(policy) ?? [];
  const all = [...new Set([...before, ...missing])];
  allow(policy);
  const text = `#!/bin/sh\n${MARK} ${all.join(" ")}\nexit 101\n`;
  try {
    Deno.writeTextFileSync(policy, text, { createNew: true, mode: 0o755 });
  } catch {
    // The host has a policy of its own.
  }
  return all;
}

/** Removes a policy of this module. */
function allow(policy: string): void {
  if (missingBefore(policy)) Deno.removeSync(policy);
}

/** Returns the programs in a policy of this module; undefined if there is none. */
function missingBefore(policy: string): string[] | undefined {
  try {
    const line = Deno.readTextFileSync(policy).split("\n")[1];
    if (!line?.startsWith(MARK)) return undefined;
    return line.slice(MARK.length).split(" ").filter((name) =>
      name in SERVICES
    );
  } catch {
    return undefined;
  }
}

async function stopServices(services: readonly string[]): Promise<void> {
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
