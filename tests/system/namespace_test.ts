import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import {
  createNamespace,
  namespaceInode,
  namespacePaths,
  openNamespace,
  ownNamespace,
  withNamespace,
} from "../../src/system/namespace.ts";
import {
  initialNamespaceInode,
  ownNamespaceInode,
} from "../../src/system/namespace_inodes.ts";
import { testWhere } from "../test_where.ts";

/** Returns the reason why this process cannot create network namespaces, or undefined if it can. */
function findMissing(): string | undefined {
  try {
    createNamespace().close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const missing = findMissing();

function namespaceTest(name: string, fn: () => void): void {
  testWhere(missing, name, fn);
}

function ownInode(): bigint {
  using own = ownNamespace();
  return namespaceInode(own.number);
}

Deno.test("namespacePaths() accepts names, PIDs and paths", () => {
  assertEquals(namespacePaths("blue"), [
    "/run/netns/blue",
    "/var/run/netns/blue",
  ]);
  assertEquals(namespacePaths("42"), ["/run/netns/42", "/proc/42/ns/net"]);
  assertEquals(namespacePaths("/proc/1/fd/3"), ["/proc/1/fd/3"]);
});

Deno.test("openNamespace() of a PID opens the namespace of that process", () => {
  using fd = openNamespace(`${Deno.pid}`);
  assertEquals(namespaceInode(fd.number), ownInode());
});

Deno.test("openNamespace() throws an error with the name of a missing namespace", () => {
  const error = assertThrows(
    () => openNamespace("no-such-namespace"),
    IpoibError,
    "no-such-namespace",
  );
  assertEquals([error.code, error.errno], ["E_NETNS", 2]);
  assert(error.hint);
});

namespaceTest("createNamespace() leaves the thread in its namespace", () => {
  const before = ownInode();
  using fresh = createNamespace();
  assertEquals(ownInode(), before);
  assertNotEquals(namespaceInode(fresh.number), before);
  using again = openNamespace(`/proc/${Deno.pid}/fd/${fresh.number}`);
  assertEquals(namespaceInode(again.number), namespaceInode(fresh.number));
});

namespaceTest(
  "withNamespace() runs a function in a namespace and always returns",
  () => {
    const before = ownInode();
    using fresh = createNamespace();
    const inside = withNamespace(fresh.number, ownInode);
    assertEquals(inside, namespaceInode(fresh.number));
    assertEquals(ownInode(), before);
    assertThrows(
      () =>
        withNamespace(fresh.number, () => {
          throw new RangeError("no");
        }),
      RangeError,
    );
    assertEquals(ownInode(), before);
    assertThrows(
      () => withNamespace(fresh.number, () => Promise.resolve()),
      TypeError,
    );
    assertEquals(ownInode(), before);
  },
);

namespaceTest("withNamespace() throws for a bad descriptor", () => {
  const before = ownInode();
  const error = assertThrows(
    () => withNamespace(-1, () => {}),
    IpoibError,
  );
  assertEquals(error.code, "E_NETNS");
  assertEquals(ownInode(), before);
});

Deno.test("initialNamespaceInode() returns the inode of process 1's namespace if it can be read or is that of this process", () => {
  const inode = initialNamespaceInode();
  let link: string;
  try {
    link = Deno.readLinkSync("/proc/1/ns/net");
  } catch {
    // Some containers deny access even to root.
    return assert(inode === undefined || inode === ownNamespaceInode());
  }
  assertEquals(inode, BigInt(link.replace(/\D/g, "")));
});
