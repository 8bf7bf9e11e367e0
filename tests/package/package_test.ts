/** The Debian package and its units, with another program in place of the executable. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { must, run } from "../e2e/harness/command.ts";
import { packageOf, TemporaryFolder } from "./support.ts";

/** A program that every system has. */
const PROGRAM = "/bin/true";
const UNITS = ["ipoib@ib0.service", "ipoib-subnet@default.service"];
/** Highest exposure of each unit according to `systemd-analyze security`, from 0 to 10. */
const EXPOSURE: Record<string, number> = {
  "ipoib@ib0.service": 3.4,
  "ipoib-subnet@default.service": 2,
};

function has(program: string): boolean {
  return ["/usr/bin", "/bin"].some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Extracts the package to a folder, and installs an instance of each unit that runs another program. */
async function extractUnits(folder: string): Promise<string[]> {
  const path = await packageOf(PROGRAM, folder);
  await must(["dpkg-deb", "--extract", path, `${folder}/extracted`]);
  const units = `${folder}/extracted/usr/lib/systemd/system`;
  return await Promise.all(UNITS.map(async (unit) => {
    const template = `${units}/${unit.replace(/@.*\./, "@.")}`;
    const text = await Deno.readTextFile(template);
    const instance = `${folder}/${unit}`;
    await Deno.writeTextFile(
      instance,
      text.replaceAll("/usr/bin/ipoib", PROGRAM),
    );
    return instance;
  }));
}

Deno.test({
  name:
    "the package has the program, units, tmpfiles.d, documentation and an empty /etc/ipoib, all of root",
  ignore: !has("dpkg-deb"),
  fn: async () => {
    await using folder = new TemporaryFolder();
    const path = await packageOf(PROGRAM, folder.path);
    assertMatch(path, /\/ipoib_[0-9.]+_(amd64|arm64)\.deb$/);
    const lines = (await must(["dpkg-deb", "--contents", path])).trimEnd()
      .split("\n").map((line) => line.split(/\s+/));
    const paths = lines.map(([mode, owner, , , , name]) => {
      assertEquals(owner, "root/root");
      assertMatch(
        mode!,
        name!.endsWith("/") ? /^drwxr-xr-x$/ : /^-rw[x-]r-[x-]r-[x-]$/,
      );
      return name;
    });
    for (
      const file of [
        "./etc/ipoib/",
        "./usr/bin/ipoib",
        "./usr/lib/systemd/system/ipoib@.service",
        "./usr/lib/systemd/system/ipoib-subnet@.service",
        "./usr/lib/tmpfiles.d/ipoib.conf",
        "./usr/share/doc/ipoib/README.md",
        "./usr/share/doc/ipoib/docs/boot.md",
        "./usr/share/doc/ipoib/copyright",
        "./usr/share/doc/ipoib/examples/ib0.conf",
      ]
    ) assert(paths.includes(file), `${file} is missing`);
    assertEquals(
      paths.filter((each) =>
        each!.startsWith("./etc/") && !each!.endsWith("/")
      ),
      [],
    );

    const field = async (name: string) =>
      (await must(["dpkg-deb", "--field", path, name])).trim();
    assertMatch(await field("Depends"), /^libc6 \(>= 2\.\d+\), libgcc-s1 \|/);
    assertMatch(await field("Recommends"), /libibverbs1.*libibumad3/);
    assert(Number(await field("Installed-Size")) > 0);
    await must(["dpkg-deb", "--raw-extract", path, `${folder.path}/raw`]);
    const raw = `${folder.path}/raw`;
    const check = 'cd "$1" && md5sum --quiet --check DEBIAN/md5sums';
    await must(["sh", "-c", check, "sh", raw]);
    for (const script of ["postinst", "prerm", "postrm"]) {
      await must(["sh", "-n", `${raw}/DEBIAN/${script}`]);
    }
    const copyright = `${raw}/usr/share/doc/ipoib/copyright`;
    assertMatch(await Deno.readTextFile(copyright), /^ \.\n Permission is/m);
  },
});

Deno.test("the example of a configuration file has no problems", async () => {
  await using folder = new TemporaryFolder();
  const { code, stderr } = await run([
    ...[Deno.execPath(), "run", "--quiet", "--allow-all", "main.ts"],
    ...["check-config", "packaging/ib0.conf"],
  ]);
  assertEquals([code, stderr], [0, ""]);
  // The keys in its comments are valid too.
  const text = await Deno.readTextFile("packaging/ib0.conf");
  const all = `${folder.path}/ib0.conf`;
  await Deno.writeTextFile(all, text.replaceAll(/^#(?=\S)/gm, ""));
  const checked = await run([
    ...[Deno.execPath(), "run", "--quiet", "--allow-all", "main.ts"],
    ...["check-config", all],
  ]);
  assertEquals([checked.code, checked.stderr], [0, ""]);
});

Deno.test({
  name: "systemd-analyze accepts the units, and their exposure is low",
  ignore: !has("systemd-analyze") || !has("dpkg-deb"),
  fn: async () => {
    await using folder = new TemporaryFolder();
    const units = await extractUnits(folder.path);
    const verified = await run([
      ...["systemd-analyze", "verify", "--man=no"],
      ...units,
    ]);
    assertEquals([verified.code, verified.stderr], [0, ""]);
    for (const unit of units) {
      const name = unit.slice(unit.lastIndexOf("/") + 1);
      const security = await run([
        ...["systemd-analyze", "security", "--offline=true", "--no-pager"],
        `--threshold=${EXPOSURE[name]! * 10}`,
        unit,
      ]);
      assertEquals(security.code, 0, security.stdout);
    }
  },
});
