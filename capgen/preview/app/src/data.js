// From what the queries gave to what a panel draws: Grafana's transformations, then its field configuration.
import {
  applyFieldOverrides,
  booleanOverrideProcessor,
  cacheFieldDisplayNames,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldConfigOptionsRegistry,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  toDataFrame,
  transformDataFrame,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';

// Some stand there under two names.
for (const transformer of new Set(Object.values(standardTransformers))) {
  standardTransformersRegistry.register({
    id: transformer.id,
    name: transformer.name,
    transformation: () => Promise.resolve(transformer),
  });
}

// The properties that Grafana itself registers for every panel, with what makes a value of their text.
const STANDARD = {
  unit: unitOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  decimals: numberOverrideProcessor,
  fieldMinMax: booleanOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  noValue: stringOverrideProcessor,
  color: identityOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  links: dataLinksOverrideProcessor,
  filterable: booleanOverrideProcessor,
};

export const unchanged = (text) => text;

/** The frames of a panel after its transformations, an operation that Grafana does asynchronously. */
export function transformed(item) {
  const frames = item.frames.map((frame) => toDataFrame(frame));
  const steps = (item.panel.transformations ?? []).filter((step) => !step.disabled);
  return firstValueFrom(transformDataFrame(steps, frames, { interpolate: unchanged }));
}

/** The frames with units, thresholds, colours and names as the panel configures them. */
export function configured(panel, frames, theme, custom = {}) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const fieldConfig = {
    defaults: { ...defaults, thresholds: fromNothing(defaults.thresholds), custom: { ...custom, ...defaults.custom } },
    overrides: overrides.map((rule) => ({
      ...rule,
      properties: rule.properties.map(({ id, value }) => ({ id, value: id === 'thresholds' ? fromNothing(value) : value })),
    })),
  };
  const data = applyFieldOverrides({
    data: frames,
    fieldConfig,
    fieldConfigRegistry: registry(fieldConfig),
    replaceVariables: unchanged,
    theme,
    timeZone: 'utc',
  });
  // Tables read names from here alone.
  cacheFieldDisplayNames(data);
  return { data, fieldConfig };
}

// JSON has no -Infinity, so a dashboard says null for where the first step begins.
function fromNothing(thresholds) {
  return thresholds && { ...thresholds, steps: thresholds.steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) };
}

function registry({ defaults, overrides }) {
  const given = overrides.flatMap((rule) => rule.properties.map((property) => property.id));
  const custom = new Set([...Object.keys(defaults.custom).map((key) => `custom.${key}`), ...given.filter((id) => id.startsWith('custom.'))]);
  const items = Object.entries(STANDARD).map(([id, process]) => item(id, id, process));
  for (const id of custom) {
    items.push(item(id, id.slice('custom.'.length), identityOverrideProcessor, true));
  }
  return new FieldConfigOptionsRegistry(() => items);
}

const item = (id, path, process, isCustom = false) => ({ id, path, name: id, isCustom, process, shouldApply: () => true, settings: {} });

/** Whether there is any value to draw. */
export const hasValues = (frames) => frames.some((frame) => frame.fields.some((field) => field.type !== 'time' && field.values.some((value) => value !== null)));
