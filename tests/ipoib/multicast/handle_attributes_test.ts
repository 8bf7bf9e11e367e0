import { assertEquals } from "@std/assert";
import { handleAttributes } from "../../../src/ipoib/multicast/multicast_group.ts";
import { parseGid } from "../../../src/wire/gid.ts";
import { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";

const MGID = parseGid("ff12:401b:ffff::1")!;
const EDR = { activeWidth: 4, laneMbps: 25_000 };

Deno.test("packets to a group have its attributes, and a static rate if the group is slower than the port", () => {
  const record = McMemberRecord.of({
    ...{ mgid: MGID, mlid: 0xc005, sl: 2, rate: 3 },
    ...{ flowLabel: 0x12345, hopLimit: 7, tclass: 9 },
  });
  assertEquals(handleAttributes(MGID, record, EDR), {
    ...{ dlid: 0xc005, sl: 2, staticRate: 3 },
    grh: {
      dgid: MGID,
      ...{ flowLabel: 0x12345, hopLimit: 7, trafficClass: 9, sgidIndex: 0 },
    },
  });
  const rate = (rate: number) =>
    handleAttributes(MGID, { ...record, rate }, EDR).staticRate;
  assertEquals([3, 16, 17].map(rate), [3, 0, 0]);
});
