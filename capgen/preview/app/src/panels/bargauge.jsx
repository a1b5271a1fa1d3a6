// Grafana's bar gauges, one a series.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, VizRepeater } from '@grafana/ui';
import { configured, unchanged } from '../data.js';

export function BarGauges({ panel, frames, theme, width, height }) {
  const { data, fieldConfig } = configured(panel, frames, theme);
  const options = { displayMode: 'gradient', orientation: 'auto', showUnfilled: true, valueMode: 'color', namePlacement: 'auto', sizing: 'auto', minVizWidth: 8, minVizHeight: 16, maxVizHeight: 300, ...panel.options };
  const values = () =>
    getFieldDisplayValues({
      data,
      fieldConfig,
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false, ...options.reduceOptions },
      replaceVariables: unchanged,
      theme,
      timeZone: 'utc',
    });
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, alignmentFactors, orientation, width, height, count }) => (
        <BarGauge
          value={value.display}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          field={value.field}
          text={options.text}
          alignmentFactors={count > 1 ? alignmentFactors : undefined}
          orientation={orientation}
          displayMode={options.displayMode}
          showUnfilled={options.showUnfilled}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          width={width}
          height={height}
          itemSpacing={8}
          lcdCellWidth={12}
          theme={theme}
        />
      )}
      width={width}
      height={height}
      source={data}
      itemSpacing={8}
      renderCounter={1}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
      orientation={options.orientation}
    />
  );
}
