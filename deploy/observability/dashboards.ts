import {
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

import { DASHBOARDS, type Panel, type Row } from "./panels.js";

/** Every dashboard's file, by name. */
export function dashboardFiles(): Readonly<Record<string, string>> {
  const files = Object.entries(DASHBOARDS).map(([uid, { title, rows }]) => {
    return [`${uid}.json`, `${JSON.stringify(dashboard(uid, title, rows), undefined, 2)}\n`] as const;
  });
  return Object.fromEntries(files);
}

/** Everything that the dashboards ask of Prometheus. */
export function dashboardQueries(): readonly { readonly panel: string; readonly expr: string }[] {
  return Object.values(DASHBOARDS).flatMap(({ title, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap((panel) => panel.queries.map(({ expr }) => ({ panel: `${title}: ${panel.title}`, expr }))),
    ),
  );
}

function dashboard(uid: string, title: string, rows: readonly Row[]): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .tags(["wflo"])
    .refresh("30s")
    .time({ from: "now-6h", to: "now" })
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"));
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(picture(panel));
  }
  return builder.build();
}

function picture({ title, description, unit = "short", stat, queries }: Panel) {
  const builder = stat ? new StatBuilder().span(6) : new TimeseriesBuilder().span(12);
  builder
    .title(title)
    .description(description)
    .unit(unit)
    .height(8)
    .datasource({ type: "prometheus", uid: "$datasource" });
  for (const { expr, legend } of queries) {
    const query = new DataqueryBuilder().expr(expr).exemplar(expr.includes("histogram_quantile"));
    builder.withTarget(legend === undefined ? query : query.legendFormat(legend));
  }
  return builder;
}
