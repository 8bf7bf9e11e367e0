/**
 * What the process may do once it has been started: the capabilities of its threads, its user, and no_new_privs.
 *
 * The runtime has made threads of its own before any of this program runs, and each thread has capabilities of its own. So the
 * process gives away in one thread what the table does not name, and replaces itself by the same program (execve(2)): all
 * threads of that begin with what is left. A network namespace is opened before: that of a process with more capabilities
 * cannot be opened after. When all interfaces are made, the main thread keeps less, as the table says; threads that it makes
 * later begin with that.
 */

import { IpoibError } from "../base/errors.ts";
import { variable } from "../base/variables.ts";
import { runtimeDirectory } from "../ipc/locate.ts";
import { makeRuntimeFolder } from "../ipc/runtime_folder.ts";
import {
  Capability,
  hasAtMost,
  keepCapabilities,
  keepCapabilitiesForExec,
} from "../system/capability.ts";
import { Errno } from "../base/errno.ts";
import { Fd, setInheritable } from "../system/fd.ts";
import { openNamespace } from "../system/namespace.ts";
import { startAgain } from "../system/own_command.ts";
import { becomeUser, findUser, isUser, type User } from "../system/user.ts";

/** What interfaces need rights for. */
export interface RightsNeeds {
  /** Ports of devices: `verbs`. */
  readonly hca: "soft" | "verbs";
  readonly nextHops: "auto" | "program" | "routes";
}

type Thread = "main" | "data";

interface Right {
  readonly capability: number;
  /** What it is needed for after the start. */
  readonly reason: string;
  readonly threads: readonly Thread[];
  readonly needed: (needs: RightsNeeds) => boolean;
}

const verbs = ({ hca }: RightsNeeds) => hca === "verbs";
const program = ({ nextHops }: RightsNeeds) => nextHops !== "routes";

/** Everything that is kept. The threads of a subnet manager and of libibumad need nothing of it. */
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
    reason: "the program that tells next hops, on devices of children",
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

/** The capabilities that one thread keeps, or (without one) all together. */
export function capabilitiesOf(needs: RightsNeeds, thread?: Thread): number[] {
  return RIGHTS.filter(({ threads, needed }) =>
    needed(needs) && (thread === undefined || threads.includes(thread))
  ).map(({ capability }) => capability);
}

/** What a process with reduced rights has from before it replaced itself. */
class ReducedProcess implements Disposable {
  readonly #namespace: Fd | undefined;

  /** @param namespace the namespace that was named, open; undefined if none was */
  constructor(namespace: Fd | undefined) {
    this.#namespace = namespace;
  }

  /** The path of the namespace while it is open here. */
  get netns(): string | undefined {
    return this.#namespace && `/proc/self/fd/${this.#namespace.number}`;
  }

  [Symbol.dispose](): void {
    this.#namespace?.close();
  }
}

/**
 * Gives away all rights but `kept`, and becomes the user; the first call of a process does not return. Throws `E_USER`,
 * `E_NETNS`, `E_PRIVILEGE`, `E_EXEC`.
 *
 * @param kept capabilities; those that the process does not have are not asked for
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

/** The main thread keeps what it needs while the interfaces run. */
export function reduceMainThread(needs: RightsNeeds): void {
  keepCapabilities(capabilitiesOf(needs, "main"));
}

/** The namespace that the process opened before it replaced itself. */
function takeNamespace(): Fd | undefined {
  const fd = variable("IPOIB_NETNS_FD");
  if (fd === undefined) return undefined;
  Deno.env.delete("IPOIB_NETNS_FD");
  setInheritable(Number(fd), false);
  return new Fd(Number(fd));
}

/** Makes the runtime folder the user's; one that is there must be the user's. */
function ownRuntimeDirectory({ name, uid, gid }: User): void {
  const path = runtimeDirectory();
  let owner = statOwner(path);
  if (owner === undefined) {
    makeRuntimeFolder(path);
    Deno.chownSync(path, uid, gid);
    owner = uid;
  }
  if (owner === uid) return;
  throw new IpoibError(
    "E_USER",
    `User "${name}" cannot use the folder "${path}": it belongs to another user`,
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
