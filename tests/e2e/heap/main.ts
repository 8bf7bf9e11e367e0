/** Runs the program with worker.ts instead of its data worker. */

const Worker = globalThis.Worker;

globalThis.Worker = class extends Worker {
  constructor(script: string | URL, options?: WorkerOptions) {
    const measured = `${script}`.endsWith("/src/daemon/data_worker.ts");
    super(
      measured ? new URL("./worker.ts", import.meta.url) : script,
      options,
    );
  }
};

await import("../../../main.ts");
