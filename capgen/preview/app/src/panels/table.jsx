// The table that Grafana 13 draws. The package counts it as unstable, and this one version of it is pinned.
import { useMemo } from 'react';
import { TableNG } from '@grafana/ui/unstable';
import { configured } from '../data.js';

export function PanelTable({ panel, frames, range, theme, width, height }) {
  const { data, fieldConfig } = useMemo(() => configured(panel, frames, theme), [panel, frames, theme]);
  const options = panel.options ?? {};
  const frame = data[Math.min(options.frameIndex ?? 0, data.length - 1)];
  return (
    <TableNG
      ariaLabel={panel.title}
      data={frame}
      width={width}
      height={height}
      noHeader={options.showHeader === false}
      sortBy={options.sortBy}
      cellHeight={options.cellHeight}
      fieldConfig={fieldConfig}
      timeRange={range}
      noValue={fieldConfig.defaults.noValue}
      enableVirtualization={false}
      structureRev={1}
    />
  );
}
