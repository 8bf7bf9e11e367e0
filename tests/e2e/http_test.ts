/** nginx under the load generator wrk, over IPoIB. */

import { assertEquals, assertGreater } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { labTest, until } from "./harness/mod.ts";

labTest(
  "nginx serves requests of wrk over IPoIB without errors",
  async (lab) => {
    const [server, client] = await lab.running(2);
    const folder = `${lab.runtime}/www`;
    await Deno.mkdir(`${folder}/tmp`, { recursive: true });
    await Deno.writeTextFile(`${folder}/page`, "x".repeat(50_000));
    await Deno.writeTextFile(
      `${folder}/nginx.conf`,
      `user root;
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/tmp;
  proxy_temp_path ${folder}/tmp;
  fastcgi_temp_path ${folder}/tmp;
  uwsgi_temp_path ${folder}/tmp;
  scgi_temp_path ${folder}/tmp;
  server { listen ${server.address}:8080; root ${folder}; }
}
`,
    );
    server.start("nginx", "-e", "stderr", "-p", folder, "-c", "nginx.conf");
    await until("nginx to listen", async () => {
      const { stdout } = await server.run(["ss", "-Hltn"]);
      return stdout.includes(":8080");
    });
    const text = await client.must(
      ...["wrk", "-t", "1", "-c", "8", "-d", `${Math.ceil(patient(2))}s`],
      ...["--timeout", `${Math.ceil(patient(10))}s`],
      `http://${server.address}:8080/page`,
    );
    const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
    assertGreater(requests, 8, text);
    assertEquals(/Socket errors|Non-2xx/.exec(text), null, text);
  },
);
