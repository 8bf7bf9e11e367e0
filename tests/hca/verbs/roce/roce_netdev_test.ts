import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../../src/base/errors.ts";
import {
  chooseGid,
  findRoceLink,
  type GidEntry,
  ownAddresses,
  type RoceFiles,
} from "../../../../src/hca/verbs/roce/roce_netdev.ts";
import { parseGid } from "../../../../src/wire/gid.ts";

const DEFAULT = "fe80::f856:1bff:fe7f:c233";
const PRIVATE = "fe80::1234:5678:9abc:def0";
const IF_INET6 = `00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000f8561bfffe7fc233 04 40 20 80       v0
`;

function entry(gid: string, index: number, type = "RoCE v2"): GidEntry {
  return { gid: parseGid(gid)!, index, type, netdev: "v0" };
}

Deno.test("chooseGid() prefers RoCE v2 to v1, and ignores GIDs that are not link-local", () => {
  const entries = [
    entry(DEFAULT, 0, "IB/RoCE v1"),
    entry(DEFAULT, 1),
    entry("::ffff:10.0.0.1", 3),
  ];
  assertEquals(chooseGid(entries, new Set())?.index, 1);
  assertEquals(chooseGid(entries.slice(0, 1), new Set())?.index, 0);
  assertEquals(chooseGid(entries.slice(2), new Set()), undefined);
});

Deno.test("chooseGid() prefers an address of the network device", () => {
  const own = ownAddresses("fe80000000000000123456789abcdef0 04 40 20 80 v0");
  assertEquals(
    chooseGid([entry(DEFAULT, 0), entry(PRIVATE, 1)], own)?.index,
    1,
  );
});

Deno.test("ownAddresses() parses if_inet6", () => {
  assertEquals(
    ownAddresses(IF_INET6),
    new Set([
      "00000000000000000000000000000001 lo",
      "fe80000000000000f8561bfffe7fc233 v0",
    ]),
  );
  assertEquals(ownAddresses(""), new Set());
});

/** Calls `run` with copies of sysfs and procfs files. */
async function withFiles(
  contents: Record<string, string>,
  run: (files: RoceFiles) => void,
): Promise<void> {
  const top = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(contents)) {
      const path = `${top}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeTextFile(path, text);
    }
    run({
      infiniband: `${top}/infiniband`,
      net: `${top}/net`,
      addresses: `${top}/if_inet6`,
    });
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

const PORT = "infiniband/rxe0/ports/1";
const FILES = {
  [`${PORT}/gids/0`]: "0000:0000:0000:0000:0000:0000:0000:0000\n",
  [`${PORT}/gids/2`]: "fe80:0000:0000:0000:f856:1bff:fe7f:c233\n",
  [`${PORT}/gids/10`]: "fe80:0000:0000:0000:f856:1bff:fe7f:c234\n",
  [`${PORT}/gid_attrs/types/2`]: "RoCE v2\n",
  [`${PORT}/gid_attrs/types/10`]: "RoCE v2\n",
  [`${PORT}/gid_attrs/ndevs/2`]: "v0\n",
  [`${PORT}/gid_attrs/ndevs/10`]: "v0\n",
  "net/v0/ifindex": "4\n",
  "if_inet6": IF_INET6,
};

Deno.test("findRoceLink() returns the GID and the network device", async () => {
  await withFiles(FILES, (files) => {
    assertEquals(findRoceLink("rxe0", 1, files), {
      gid: parseGid(DEFAULT)!,
      gidIndex: 2,
      netdev: "v0",
      ifindex: 4,
      hasAddress: true,
    });
  });
});

Deno.test("findRoceLink() reports a GID that is not an address of the network device", async () => {
  await withFiles({ ...FILES, "if_inet6": "" }, (files) => {
    assertEquals(findRoceLink("rxe0", 1, files).hasAddress, false);
  });
});

Deno.test("findRoceLink() throws without a network device in this namespace, and without a GID", async () => {
  const { "net/v0/ifindex": _, ...elsewhere } = FILES;
  await withFiles(elsewhere, (files) => {
    const error = assertThrows(
      () => findRoceLink("rxe0", 1, files),
      IpoibError,
    );
    assertEquals([error.code, error.errno], ["E_ROCE_LINK", 19]);
    assertThrows(() => findRoceLink("rxe9", 1, files), IpoibError, "rxe9/1");
  });
});
