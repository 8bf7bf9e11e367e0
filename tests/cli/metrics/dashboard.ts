/** The Grafana dashboard of the repository: its queries, as Prometheus gets them. */

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string }[];
  };
}

export interface Query {
  readonly title: string;
  readonly expr: string;
}

const FILE = new URL(
  "../../../contrib/grafana/ipoib.json",
  import.meta.url,
);

export function readDashboard(): Dashboard {
  return JSON.parse(Deno.readTextFileSync(FILE));
}

/** Returns the queries of all panels, with all interfaces selected and rates over `range`. */
export function dashboardQueries(range = "1m"): Query[] {
  return readDashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll("$__rate_interval", range)
        .replaceAll("$instance", ".*").replaceAll("$interface", ".*"),
    }))
  );
}
