import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { WantedGroups } from "../../../src/ipoib/multicast/wanted_groups.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";

const ALL_HOSTS = IpAddress.parse("224.0.0.1")!;
const isAllHosts = (group: IpAddress) => group.equals(ALL_HOSTS);

function names(groups: readonly IpAddress[]): string[] {
  return groups.map(String).sort();
}

Deno.test("selected groups stay selected while the kernel is a member, in any order", () => {
  const few = fc.uniqueArray(fc.nat(30), { maxLength: 20 });
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 8 }),
    fc.array(few),
    (limit, steps) => {
      const wanted = new WantedGroups(limit);
      let before: string[] = [];
      for (const step of steps) {
        const there = step.map((i) => IpAddress.parse(`239.1.1.${i}`)!);
        const chosen = names(wanted.choose(there, isAllHosts));
        assertEquals(chosen.length, Math.min(limit, there.length));
        const present = new Set(names(there));
        assertEquals(chosen.every((each) => present.has(each)), true);
        const kept = before.filter((each) => present.has(each));
        assertEquals(kept.every((each) => chosen.includes(each)), true);
        before = chosen;
      }
    },
  ));
});

Deno.test("the all-hosts group is selected first, at any position in the list", () => {
  const wanted = new WantedGroups(2);
  const groups = [1, 2, 3].map((i) => IpAddress.parse(`239.1.1.${i}`)!);
  wanted.choose(groups, isAllHosts);
  const chosen = wanted.choose([...groups, ALL_HOSTS], isAllHosts);
  assertEquals(names(chosen), ["224.0.0.1", "239.1.1.1"]);
  wanted.clear();
  assertEquals(
    names(wanted.choose(groups.toReversed(), isAllHosts)),
    ["239.1.1.2", "239.1.1.3"],
  );
});
