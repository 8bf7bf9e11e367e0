import { assertEquals } from "@std/assert";
import {
  pathAttributes,
  pathBitsOf,
  type PathPort,
} from "../../src/hca/path_attributes.ts";
import { parseGid } from "../../src/wire/gid.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";

const PORT: PathPort = {
  ...{ activeWidth: 4, laneMbps: 25_000 },
  ...{ lmc: 0, grhRequired: false },
};
const DGID = parseGid("fe80::2")!;
const PATH = PathRecord.of({
  dgid: DGID,
  ...{ dlid: 0x23, slid: 0x17, sl: 5, rate: 7 },
  ...{ flowLabel: 0x12345, tclass: 9 },
});

Deno.test("pathAttributes() has a GRH if the path leaves the subnet, or if the port requires one", () => {
  const local = { dlid: 0x23, sl: 5, staticRate: 7 };
  const grh = {
    dgid: DGID,
    ...{ flowLabel: 0x12345, trafficClass: 9, sgidIndex: 0 },
  };
  assertEquals(pathAttributes(PATH, PORT), local);
  assertEquals(pathAttributes({ ...PATH, hopLimit: 64 }, PORT), {
    ...local,
    grh: { ...grh, hopLimit: 64 },
  });
  assertEquals(pathAttributes(PATH, { ...PORT, grhRequired: true }), {
    ...local,
    grh: { ...grh, hopLimit: 0 },
  });
});

Deno.test("pathAttributes() has the path bits of the path's source LID", () => {
  const bits = [0, 1, 2, 3].map((lmc) =>
    pathAttributes(PATH, { ...PORT, lmc }).pathBits
  );
  assertEquals(bits, [undefined, 1, 3, 7]);
  assertEquals([pathBitsOf(0x16, { lmc: 1 }), pathBitsOf(0x17, { lmc: 1 })], [
    {},
    { pathBits: 1 },
  ]);
});

Deno.test("pathAttributes() has the static rate of a slower path only", () => {
  const rate = (rate: number) =>
    pathAttributes({ ...PATH, rate }, PORT).staticRate;
  assertEquals([7, 16, 17].map(rate), [7, 0, 0]);
});
