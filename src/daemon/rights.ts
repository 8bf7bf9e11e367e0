/**
 * Reduction of the privileges of a process: the capabilities of its threads, its user, and no_new_privs.
 *
 * Capabilities belong to threads, and the runtime has created threads before this program runs. Therefore one thread
 * drops the capabilities that the process does not need ({@linkcode RIGHTS}), and executes the same program again
 * (execve(2)), so that all its threads start with the reduced set. The network namespace of `--netns` is opened first,
 * because the namespace of a process with more capabilities cannot be opened afterwards. When all interfaces are
 * created, the main thread drops further capabilities; threads that it creates later inherit its set.
 */

import { IpoibError } from "../base/errors.ts";
import { variable } from "../base/variables.ts";
import { runtimeDirectory } from "../ipc/locate.ts";
import { makeRuntimeDirectory } from "../ipc/runtime_directory.ts";
import {
  Capability,
  hasAtMost,
  hasCapability,
  keepCapabilities,
  keepCapabilitiesForExec,
} from "../system/capability.ts";
import { Errno } from "../base/errno.ts";
import { Fd, setInheritable } from "../system/fd.ts";
import { openNamespace } from "../system/namespace.ts";
import { startAgain } from "../system/own_command.ts";
import { becomeUser, findUser, isUser, type User } from "../system/user.ts";

/** The options that determine the required capabilities. */
export interface RightsNeeds {
  readonly hca: "soft" | "verbs";
  readonly nextHops: "auto" | "program" | "routes";
}

/** The thread "data" stands for the data worker and its device thread. */
type Thread = "main" | "data";

interface Right {
  readonly capability: number;
  /** Use of the capability after the start. */
  readonly reason: string;
  readonly threads: readonly Thread[];
  readonly needed: (needs: RightsNeeds) => boolean;
}

const verbs = ({ hca }: RightsNeeds) => hca === "verbs";
const program = ({ nextHops }: RightsNeeds) => nextHops !== "routes";

/** The capabilities that a process with interfaces keeps. The manager worker and the libibumad worker drop them all. */
export const RIGHTS: readonly Right[] = [
  {
    capability: Capability.NetAdmin,
    reason:
      "TAPs of children, MTU and neighbours by rtnetlink, finding an interface that was moved (TUNGETDEVNETNS)",
    threads: ["main", "data"],
    needed: () => true,
  },
  {
    capability: Capability.SysAdmin,
    reason:
      "entering the namespace of an interface that was moved (setns(2)), and of the kernel's ib_ipoib",
    threads: ["data"],
    needed: () => true,
  },
  {
    capability: Capability.Bpf,
    reason: "the eBPF program for next hops, on devices of children",
    threads: ["data"],
    needed: program,
  },
  {
    capability: Capability.PerfMon,
    reason: "the same program: it reads kernel memory",
    threads: ["data"],
    needed: program,
  },
  {
    capability: Capability.NetRaw,
    reason: "a controlled Q_Key of a group (IBTA vol. 1, 10.2.5)",
    threads: ["data"],
    needed: verbs,
  },
  {
    capability: Capability.IpcLock,
    reason: "packet memory of a device beyond RLIMIT_MEMLOCK",
    threads: ["data"],
    needed: verbs,
  },
];

/** Returns the capabilities that a thread keeps, or without `thread` those of all threads. */
export function capabilitiesOf(needs: RightsNeeds, thread?: Thread): number[] {
  return RIGHTS.filter(({ threads, needed }) =>
    needed(needs) && (thread === undefined || threads.includes(thread))
  ).map(({ capability }) => capability);
}

/**
 * A process with reduced privileges, and its descriptor of the namespace of `--netns`. Disposal closes the descriptor.
 */
class ReducedProcess implements Disposable {
  readonly #namespace: Fd | undefined;

  /** @param namespace descriptor of the namespace of `--netns`; undefined without the option */
  constructor(namespace: Fd | undefined) {
    this.#namespace = namespace;
  }

  /** Path of the namespace, valid until disposal; undefined without `--netns`. */
  get netns(): string | undefined {
    return this.#namespace && `/proc/self/fd/${this.#namespace.number}`;
  }

  [Symbol.dispose](): void {
    this.#namespace?.close();
  }
}

/**
 * Drops all capabilities except `kept`, sets no_new_privs, changes to the user, and executes the program again; then it
 * does not return. In a process that needs no reduction, such as the new one, revokes the runtime's permission to run
 * programs and returns. Throws `E_USER`, `E_NETNS`, `E_PRIVILEGE`, `E_EXEC`, `E_RUNTIME_DIR`.
 *
 * @param kept capabilities to keep, as far as the process has them
 */
export function reduceRights(
  kept: readonly number[],
  { user: name, netns }: { user?: string; netns?: string },
): ReducedProcess {
  const user = name === undefined ? undefined : findUser(name);
  if ((user === undefined || isUser(user)) && hasAtMost(kept)) {
    Deno.permissions.revokeSync({ name: "run" });
    const inherited = takeNamespace();
    if (inherited || netns === undefined) return new ReducedProcess(inherited);
    return new ReducedProcess(openNamespace(netns));
  }
  if (user) ownRuntimeDirectory(user);
  if (netns !== undefined) {
    const fd = openNamespace(netns).release();
    setInheritable(fd, true);
    Deno.env.set("IPOIB_NETNS_FD", String(fd));
  }
  keepCapabilitiesForExec(kept, () => {
    if (user && !isUser(user)) becomeUser(user);
  });
  startAgain();
}

/** Throws `E_PRIVILEGE` (EPERM) if the process cannot create an interface for lack of a capability. */
export function checkRights(): void {
  if (hasCapability(Capability.NetAdmin)) return;
  throw new IpoibError(
    "E_PRIVILEGE",
    "Creating a network interface needs CAP_NET_ADMIN",
    {
      errno: Errno.EPERM,
      hint: "run as root, or with this capability",
    },
  );
}

/** Drops the capabilities that the main thread does not need after all interfaces are created. */
export function reduceMainThread(needs: RightsNeeds): void {
  keepCapabilities(capabilitiesOf(needs, "main"));
}

/** Returns the namespace that the process opened before it executed the program again. */
function takeNamespace(): Fd | undefined {
  const fd = variable("IPOIB_NETNS_FD");
  if (fd === undefined) return undefined;
  Deno.env.delete("IPOIB_NETNS_FD");
  setInheritable(Number(fd), false);
  return new Fd(Number(fd));
}

/**
 * Creates the runtime directory with the user as its owner. Throws `E_USER` (EACCES) if it exists with another owner.
 */
function ownRuntimeDirectory({ name, uid, gid }: User): void {
  const path = runtimeDirectory();
  let owner = statOwner(path);
  if (owner === undefined) {
    makeRuntimeDirectory(path);
    Deno.chownSync(path, uid, gid);
    owner = uid;
  }
  if (owner === uid) return;
  throw new IpoibError(
    "E_USER",
    `User "${name}" does not own the runtime directory "${path}"`,
    {
      errno: Errno.EACCES,
      hint: `chown ${name} ${path}, or set IPOIB_RUNTIME_DIR`,
    },
  );
}

function statOwner(path: string): number | undefined {
  try {
    return Deno.statSync(path).uid ?? undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
