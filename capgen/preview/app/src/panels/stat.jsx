// Grafana's big values, as many as the query gives, laid out by Grafana's own repeater.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BigValue, VizRepeater } from '@grafana/ui';
import { configured, unchanged } from '../data.js';

export function Stat({ panel, frames, theme, width, height }) {
  const { data, fieldConfig } = configured(panel, frames, theme);
  const options = { colorMode: 'value', graphMode: 'area', justifyMode: 'auto', orientation: 'auto', textMode: 'auto', wideLayout: true, ...panel.options };
  const values = () =>
    getFieldDisplayValues({
      data,
      fieldConfig,
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false, ...options.reduceOptions },
      replaceVariables: unchanged,
      sparkline: options.graphMode !== 'none',
      percentChange: options.showPercentChange,
      theme,
      timeZone: 'utc',
    });
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, alignmentFactors, width, height, count }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={textMode(options.textMode, count)}
          text={options.text}
          percentChangeColorMode={options.percentChangeColorMode}
          disableWideLayout={!options.wideLayout}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      width={width}
      height={height}
      source={data}
      itemSpacing={3}
      renderCounter={1}
      autoGrid
      orientation={options.orientation}
    />
  );
}

// One value needs no name: the panel's title says it.
const textMode = (mode, count) => (mode === 'auto' && count === 1 ? 'value' : mode);
