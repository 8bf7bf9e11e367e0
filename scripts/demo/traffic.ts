/** Pings and TCP streams between two stations, which traffic workers send and receive. */

import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import type { Job, Progress, Report, RoundTrips } from "./jobs.ts";

const PORT = 5201;

/** Source or destination of traffic. */
export interface Station {
  /** File descriptor of its network namespace. */
  readonly namespace: number;
  /** Dotted decimal. */
  readonly address: string;
}

/** Pings one station from another. */
export async function pings(
  from: Station,
  to: Station,
  count: number,
  intervalMs: number,
): Promise<RoundTrips> {
  const report = await perform({
    kind: "ping",
    namespace: from.namespace,
    to: parseIpv4(to.address)!,
    count,
    intervalMs,
  });
  if (report.kind !== "pinged") throw new TypeError(report.kind);
  return report.result;
}

/** Sends a TCP stream for `seconds`. Calls `interval` with Gbit/s each second and returns the mean in Gbit/s. */
export async function stream(
  from: Station,
  to: Station,
  seconds: number,
  interval: (gbitPerSecond: number) => void,
): Promise<number> {
  const listening = Promise.withResolvers<void>();
  const receiving = perform({
    kind: "receive",
    namespace: to.namespace,
    at: parseIpv4(to.address)!,
    port: PORT,
  }, (progress) => {
    if (progress.kind === "listening") listening.resolve();
    else interval(gbit(progress));
  });
  await Promise.race([listening.promise, receiving]);
  const [received] = await Promise.all([
    receiving,
    perform({
      kind: "send",
      namespace: from.namespace,
      to: parseIpv4(to.address)!,
      port: PORT,
      seconds,
    }),
  ]);
  if (received.kind !== "received") throw new TypeError(received.kind);
  return gbit(received);
}

/** Returns the rate in Gbit/s. */
export function gbit(
  { bytes, seconds }: { bytes: number; seconds: number },
): number {
  return bytes * 8 / seconds / 1e9;
}

/** Runs a job in a new worker. Throws an Error if it fails. */
async function perform(
  job: Job,
  onProgress: (progress: Progress) => void = () => {},
): Promise<Exclude<Report, Progress>> {
  const worker = new Worker(new URL("traffic_worker.ts", import.meta.url), {
    type: "module",
  });
  const { promise, resolve, reject } = Promise.withResolvers<
    Exclude<Report, Progress>
  >();
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  worker.onmessage = ({ data: report }: MessageEvent<Report>) => {
    switch (report.kind) {
      case "listening":
      case "interval":
        return onProgress(report);
      case "failed":
        return reject(new Error(report.message));
      default:
        return resolve(report);
    }
  };
  worker.postMessage(job);
  try {
    return await promise;
  } finally {
    worker.terminate();
  }
}
