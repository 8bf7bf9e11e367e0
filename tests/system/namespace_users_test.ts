import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import {
  describeNamespace,
  openNamespace,
} from "../../src/system/namespace.ts";
import {
  namespaceMounts,
  NamespaceUsers,
} from "../../src/system/namespace_users.ts";
import { ProcessHandle } from "../../src/system/process_handle.ts";
import { patient } from "../../scripts/machine.ts";
import { testWhere } from "../test_where.ts";

const missing = libc().geteuid() === 0 ? undefined : "needs root";
const ignored = () => new Set<number>();

Deno.test("namespaceMounts() finds the mount points of a namespace, including escaped spaces", () => {
  const text = [
    "95 94 0:4 net:[4026532250] /run/netns/h1 rw shared:4 - nsfs nsfs rw",
    "96 94 0:4 net:[4026532251] /run/netns/h2 rw shared:4 - nsfs nsfs rw",
    "97 94 0:4 net:[4026532250] /run/a\\040b rw - nsfs nsfs rw",
    "98 94 0:20 / /run rw - tmpfs net:[4026532250] rw",
    "",
  ].join("\n");
  assertEquals(namespaceMounts(text, 4026532250n), [
    "/run/netns/h1",
    "/run/a b",
  ]);
  assertEquals(namespaceMounts(text, 1n), []);
});

/** Starts a process in a new network namespace. */
async function startInNamespace() {
  const child = new Deno.Command("unshare", { args: ["-n", "sleep", "600"] })
    .spawn();
  const own = describeNamespace().inode;
  const end = performance.now() + patient(10_000);
  for (;;) {
    using fd = openNamespace(String(child.pid));
    const namespace = describeNamespace(fd.number);
    if (namespace.inode !== own) return { child, namespace };
    assert(performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

testWhere(
  missing,
  "NamespaceUsers detects the end of a process that it has found",
  async () => {
    const { child, namespace } = await startInNamespace();
    assert(!namespace.initial);
    const users = new NamespaceUsers({ namespace, ignored });
    const withoutUsers = new NamespaceUsers({
      namespace,
      ignored: () => new Set([child.pid]),
    });
    using handle = ProcessHandle.open(child.pid);
    const held = new NamespaceUsers({
      namespace,
      holder: handle,
      ignored: () => new Set([child.pid]),
    });
    assert(users.remain());
    assert(held.remain());
    child.kill("SIGKILL");
    await child.status;
    assert(!users.remain());
    // No user was found before, so none is missing.
    assert(withoutUsers.remain());
    assert(!held.remain());
  },
);

Deno.test("NamespaceUsers reports users in the namespace of the process itself", () => {
  const namespace = describeNamespace();
  const users = new NamespaceUsers({ namespace, ignored });
  assert(users.remain());
});
