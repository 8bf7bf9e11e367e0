import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Cleanup } from "../../../scripts/cleanup.ts";
import {
  policyIsLeft,
  withoutServices,
} from "../../../scripts/test/no_services.ts";

/** A policy script that forbids the start of services. */
const FORBIDS = /^#!\/bin\/sh\n#[^\n]*\nexit 101\n$/;

/** A host with a policy file of its own. */
class Host {
  readonly folder = Deno.makeTempDirSync();
  readonly path = `${this.folder}/policy`;
  readonly cleanup = new Cleanup();
  /** The programs that are installed. */
  installed: string[] | "all" = "all";
  /** The services that were stopped, and whether the policy existed then. */
  readonly stopped: [service: string, forbidden: boolean][] = [];

  /** The text of the policy. */
  get policy(): string | undefined {
    try {
      return Deno.readTextFileSync(this.path);
    } catch {
      return undefined;
    }
  }

  install<T>(work: () => Promise<T>): Promise<T> {
    return withoutServices(
      (name) => this.installed === "all" || this.installed.includes(name),
      this.cleanup,
      work,
      {
        policy: this.path,
        stop: (services) => {
          const forbidden = this.policy !== undefined;
          this.stopped.push(
            ...services.map((name) => [name, forbidden] as [string, boolean]),
          );
          return Promise.resolve();
        },
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.policy;
    await this.cleanup.run();
    assertEquals(this.policy, left);
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("withoutServices() forbids the start of services only while its function runs, even if that fails", async () => {
  await using host = new Host();
  const seen = await host.install(() => {
    assertEquals(Deno.statSync(host.path).mode! & 0o100, 0o100);
    return Promise.resolve(host.policy);
  });
  assertMatch(seen!, FORBIDS);
  assertEquals(host.policy, undefined);
  await assertRejects(
    () => host.install(() => Promise.reject(new Error("no network"))),
    Error,
    "no network",
  );
  assertEquals(host.policy, undefined);
});

Deno.test("withoutServices() preserves an existing policy", async () => {
  await using host = new Host();
  await Deno.writeTextFile(host.path, "exit 0\n");
  const seen = await host.install(() => Promise.resolve(host.policy));
  assertEquals([seen, host.policy], ["exit 0\n", "exit 0\n"]);
  assertEquals(policyIsLeft(host.path), false);
});

Deno.test("withoutServices() stops the services of new programs before it allows services again", async () => {
  await using host = new Host();
  host.installed = ["bird"];
  await host.install(() => {
    host.installed = ["bird", "smcrouted"];
    return Promise.resolve();
  });
  assertEquals(host.stopped, [["smcroute", true], ["smcroute-helper", true]]);
});

Deno.test("an interrupted installation stops the services of new programs, and allows services again", async () => {
  await using host = new Host();
  host.installed = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const running = host.install(() => {
    host.installed = ["nginx"];
    host.cleanup.add(resolve);
    return promise;
  });
  while (host.policy === undefined) await new Promise((r) => setTimeout(r, 1));
  await host.cleanup.run();
  assertEquals([host.policy, host.stopped], [undefined, [["nginx", true]]]);
  await running;
  assertEquals(host.stopped.length, 1);
  // Nothing begins after the interruption.
  await assertRejects(() => host.install(() => Promise.resolve()));
  assertEquals(host.policy, undefined);
});

Deno.test("a policy that a killed run has left is removed by the next one, which stops the services of both", async () => {
  await using host = new Host();
  host.installed = ["bird", "radvd"];
  const left = await host.install(() => Promise.resolve(host.policy!));
  assertEquals(policyIsLeft(host.path), false);
  await Deno.writeTextFile(host.path, left);
  assertEquals(policyIsLeft(host.path), true);
  // The killed run has installed keepalived.
  host.installed = ["bird", "radvd", "keepalived"];
  const seen = await host.install(() => {
    host.installed = ["bird", "radvd", "keepalived", "nginx"];
    return Promise.resolve(host.policy);
  });
  assertMatch(seen!, FORBIDS);
  assertEquals(host.policy, undefined);
  assertEquals(host.stopped, [["keepalived", true], ["nginx", true]]);
});

Deno.test("services stay forbidden until the last of two runs has installed its packages", async () => {
  await using host = new Host();
  const begun = Promise.withResolvers<void>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = host.install(() => {
    begun.resolve();
    return promise;
  });
  await begun.promise;
  const second = host.install(async () => {
    await first;
    return host.policy;
  });
  resolve();
  assertMatch((await second)!, FORBIDS);
  assertEquals(host.policy, undefined);
});
