/** The layout of the driver's debugfs files, byte for byte (Linux ipoib_fs.c). */

import { assertEquals } from "@std/assert";
import {
  renderMcgFile,
  renderPathFile,
} from "../../src/cli/render/debugfs_text.ts";

const group = {
  mgid: "ff12:401b:ffff:0:0:0:ffff:ffff",
  dev: "ib0",
  "created_ms": 2340,
  queuelen: 0,
  complete: true,
  "send_only": false,
  join: "joined",
  attached: true,
};

Deno.test("renderMcgFile() prints groups in the layout of IF_mcg, sorted by MGID", () => {
  const idle = {
    ...group,
    mgid: "ff12:401b:ffff:0:0:0:0:1",
    queuelen: 12,
    complete: false,
    "send_only": true,
    "created_ms": 100_000,
  };
  assertEquals(
    renderMcgFile([group, idle], 42_949_012_340 + 2340),
    `GID: ff12:401b:ffff:0:0:0:0:1
  created: 4294891468
  queuelen:        12
  complete:        no
  send_only:      yes

GID: ff12:401b:ffff:0:0:0:ffff:ffff
  created: 4294901234
  queuelen:         0
  complete:       yes
  send_only:       no

`,
  );
});

Deno.test("renderPathFile() prints paths in the layout of IF_path, sorted by GID", () => {
  const path = {
    gid: "fe80:0:0:0:2:c903:0:2",
    dev: "ib0",
    complete: true,
    dlid: 2,
    sl: 0,
    "rate_mbps": 10_000,
    queued: 0,
  };
  const paths = [
    { gid: "fe80:0:0:0:11:0:0:1", dev: "ib0", complete: false, queued: 3 },
    {
      ...path,
      gid: "fe80:0:0:0:3:0:0:1",
      dlid: 0xbfff,
      sl: 15,
      rate_mbps: 14_062,
    },
    path,
  ];
  assertEquals(
    renderPathFile(paths),
    `GID: fe80:0:0:0:2:c903:0:2
  complete:    yes
  DLID:     0x0002
  SL:            0
  rate:       10.0 Gb/sec

GID: fe80:0:0:0:3:0:0:1
  complete:    yes
  DLID:     0xbfff
  SL:           15
  rate:       14.62 Gb/sec

GID: fe80:0:0:0:11:0:0:1
  complete:     no

`,
  );
  assertEquals([renderPathFile([]), renderMcgFile([], 0)], ["", ""]);
});
