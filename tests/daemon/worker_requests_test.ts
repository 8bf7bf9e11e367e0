import { assertEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import {
  answerRequest,
  WORKER_WANTED,
  WorkerRequests,
} from "../../src/daemon/worker_requests.ts";

Deno.test("WorkerRequests passes a request to the main thread, and its answer to the port", () => {
  const events: string[] = [];
  const results: unknown[] = [];
  const requests = new WorkerRequests((event) => events.push(event));
  const ask = () =>
    requests.request(
      (end) => results.push(end),
      ({ code, message, hint }) => results.push([code, message, hint]),
    );
  assertEquals(requests.answer("link.show", {}), false);
  ask();
  assertEquals(events, [WORKER_WANTED]);
  const end = { mads: 7, connections: "ib_cm has them" };
  assertEquals(requests.answer("worker.started", end), true);
  ask();
  const error = new IpoibError("E_UMAD", "Cannot open", { hint: "wait" });
  assertEquals(requests.answer("worker.failed", error.toJSON()), true);
  assertEquals(results, [end, ["E_UMAD", "Cannot open", "wait"]]);
});

Deno.test("answerRequest() answers with the worker that it has started, or with the error", async () => {
  const calls: unknown[] = [];
  const service = {
    call: (name: string, params: unknown) => {
      calls.push([name, params]);
      return Promise.resolve({});
    },
  } as Parameters<typeof answerRequest>[1];
  const end = { mads: 7, connections: true } as const;
  await answerRequest({ startWorker: () => Promise.resolve(end) }, service);
  const error = new IpoibError("E_UMAD", "Cannot open");
  await answerRequest({ startWorker: () => Promise.reject(error) }, service);
  // A port of another kind has no such worker.
  await answerRequest({}, service);
  assertEquals(calls, [
    ["worker.started", end],
    ["worker.failed", error.toJSON()],
  ]);
});
