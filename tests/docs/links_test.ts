/** README.md and docs/: links lead to files and headings that exist, and README leads to every page. */

import { assert, assertEquals } from "@std/assert";

const TOP = new URL("../../", import.meta.url);
const SOURCES = ["ffi", "scripts", "src", "tests"];

/** A Markdown file in the repository. */
class Page {
  readonly headings: readonly string[];
  /** Links to other places in the repository: `FILE`, `FILE#ANCHOR` or `#ANCHOR`. */
  readonly links: readonly string[];

  constructor(readonly path: string) {
    const text = read(path).replaceAll(/^```.*?^```$/gms, "");
    this.headings = [...text.matchAll(/^#+ (.+)$/gm)].map((found) => found[1]!);
    this.links = [...text.replaceAll(/`[^`]*`/g, "").matchAll(/\]\(([^)]+)\)/g)]
      .map((found) => found[1]!)
      .filter((link) => !/^[a-z]+:/.test(link));
  }

  /** The anchors of its headings, as GitHub makes them. */
  get anchors(): string[] {
    const seen = new Map<string, number>();
    return this.headings.map((heading) => {
      const anchor = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-");
      const times = seen.get(anchor) ?? 0;
      seen.set(anchor, times + 1);
      return times === 0 ? anchor : `${anchor}-${times}`;
    });
  }

  /** Returns the path of the file that a link leads to, and the anchor. */
  resolve(link: string): { path: string; anchor: string } {
    const url = new URL(link, new URL(this.path, TOP));
    return {
      path: url.pathname.slice(TOP.pathname.length),
      anchor: url.hash.slice(1),
    };
  }
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, TOP));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, TOP));
    return true;
  } catch {
    return false;
  }
}

/** Returns the files in a folder whose names end in `ending`. */
function filesIn(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(new URL(folder, TOP))].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return filesIn(path, ending);
    return path.endsWith(ending) ? [path] : [];
  });
}

const pages = [
  "README.md",
  ...["docs", ...SOURCES].flatMap((folder) => filesIn(folder, ".md")),
].map((path) => new Page(path));

for (const page of pages) {
  Deno.test(`the links in ${page.path} lead to files and headings that exist`, () => {
    const broken = page.links.filter((link) => {
      const { path, anchor } = page.resolve(link);
      return !exists(path) ||
        anchor !== "" && !new Page(path).anchors.includes(anchor);
    });
    assertEquals(broken, []);
  });
}

Deno.test("README.md has a link to every page in docs/", () => {
  const readme = pages[0]!;
  const linked = readme.links.map((link) => readme.resolve(link).path);
  const all = pages.map(({ path }) => path);
  const missing = all.filter((path) =>
    path.startsWith("docs/") && !linked.includes(path)
  );
  assertEquals(missing, []);
});

Deno.test("pages that comments name exist, and their headings too", () => {
  const named = SOURCES.flatMap((folder) => filesIn(folder, ".ts"))
    .flatMap((path) => [
      ...read(path).matchAll(/\bdocs\/([a-z_]+\.md)(?:, "([^"\n]+)")?/g),
    ]);
  assert(named.length > 0);
  const broken = named.filter(([, file, heading]) => {
    const path = `docs/${file}`;
    return !exists(path) ||
      heading !== undefined && !new Page(path).headings.includes(heading);
  });
  assertEquals(broken.map(([text]) => text), []);
});
