import { assertEquals } from "@std/assert";
import { packagesOf, releaseIn } from "../../../scripts/rig/debian.ts";

/** Returns a table as `apt-cache madison` prints it. */
function table(rows: readonly string[]): string {
  return rows.map((row) => {
    const [name, version] = row.split(" ");
    return ` ${name} | ${version} | http://example.org bookworm/main amd64 Packages\n`;
  }).join("");
}

const SOURCES = ["linux-source-6.1 6.1.9-3", "linux-source-6.1 6.1.9-2"];
const OLD = [
  "linux-image-6.1.0-56-amd64-unsigned 6.1.9-2",
  "linux-headers-6.1.0-56-amd64 6.1.9-2",
];

Deno.test("releaseIn() returns the newest version with source, image and headers", () => {
  const old = { release: "6.1.0-56-amd64", version: "6.1.9-2" };
  assertEquals(releaseIn(table([...SOURCES, ...OLD])), old);
  const image = "linux-image-6.1.0-57-amd64-unsigned 6.1.9-3";
  assertEquals(releaseIn(table([...SOURCES, ...OLD, image])), old);
  const headers = "linux-headers-6.1.0-57-amd64 6.1.9-3";
  assertEquals(
    releaseIn(table([...SOURCES, ...OLD, image, headers])),
    { release: "6.1.0-57-amd64", version: "6.1.9-3" },
  );
});

Deno.test("releaseIn() returns undefined for other flavors and for incomplete versions", () => {
  const cloud = [
    "linux-image-6.1.0-56-cloud-amd64-unsigned 6.1.9-2",
    "linux-headers-6.1.0-56-cloud-amd64 6.1.9-2",
  ];
  assertEquals(releaseIn(table([...SOURCES, ...cloud])), undefined);
  assertEquals(releaseIn(table(OLD)), undefined);
  assertEquals(releaseIn(""), undefined);
});

Deno.test("packagesOf() returns the packages of one version", () => {
  const { image, headers, commonHeaders, source } = packagesOf({
    release: "6.1.0-56-amd64",
    version: "6.1.9-2",
  });
  assertEquals([image, headers, commonHeaders, source], [
    "linux-image-6.1.0-56-amd64-unsigned=6.1.9-2",
    "linux-headers-6.1.0-56-amd64=6.1.9-2",
    "linux-headers-6.1.0-56-common=6.1.9-2",
    "linux-source-6.1=6.1.9-2",
  ]);
});
