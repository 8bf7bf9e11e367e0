/** Worker that sends and receives traffic with blocking calls: one job at a time, in the job's network namespace. */

import { IpoibError } from "../../src/base/errors.ts";
import type { Job, Report } from "./jobs.ts";
import { ping } from "./ping.ts";
import { receive, send } from "./tcp.ts";

const main = self as unknown as {
  postMessage(report: Report): void;
  onmessage: (event: MessageEvent<Job>) => void;
};

function work(job: Job): Report {
  switch (job.kind) {
    case "ping": {
      const { namespace, to, count, intervalMs } = job;
      return { kind: "pinged", result: ping(namespace, to, count, intervalMs) };
    }
    case "receive": {
      const { namespace, at, port } = job;
      const total = receive(
        namespace,
        at,
        port,
        (progress) => main.postMessage(progress),
      );
      return { kind: "received", ...total };
    }
    case "send":
      send(job.namespace, job.to, job.port, job.seconds);
      return { kind: "sent" };
  }
}

main.onmessage = ({ data: job }) => {
  try {
    main.postMessage(work(job));
  } catch (error) {
    main.postMessage({
      kind: "failed",
      message: IpoibError.from(error).message,
    });
  }
};
