import { assertEquals } from "@std/assert";
import { NamespaceWatch } from "../../src/daemon/namespace_watch.ts";
import type { NetworkNamespace } from "../../src/system/namespace.ts";

function namespace(inode: bigint, initial = false): NetworkNamespace {
  return { inode, procInode: inode + 100n, initial };
}

Deno.test("NamespaceWatch reports a namespace without users once, at the second poll", () => {
  const used = new Map([[1n, true], [2n, true], [3n, true]]);
  const polled: bigint[] = [];
  const deleted: bigint[] = [];
  const watch = new NamespaceWatch(({ inode }) => ({
    remain: () => {
      polled.push(inode);
      return used.get(inode)!;
    },
  }));
  watch.onDeleted = (inode) => deleted.push(inode);
  watch.follow([namespace(1n), namespace(2n), namespace(3n, true)]);
  watch.check();
  // The namespace of process 1 is not polled.
  assertEquals(polled, [1n, 2n]);

  used.set(1n, false);
  watch.check();
  used.set(1n, true);
  watch.check();
  used.set(1n, false);
  watch.check();
  assertEquals(deleted, []);
  watch.check();
  watch.check();
  assertEquals(deleted, [1n]);

  used.set(2n, false);
  watch.follow([namespace(3n, true)]);
  watch.check();
  watch.check();
  assertEquals(deleted, [1n]);
});
