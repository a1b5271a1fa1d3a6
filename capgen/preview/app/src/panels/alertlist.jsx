// The alert list. Grafana's own needs its alerting service; this one shows the same alerts in the same order.
import { css } from '@emotion/css';
import { Badge, Icon } from '@grafana/ui';

const STATES = { firing: 'red', pending: 'orange', inactive: 'green' };

export function AlertList({ item, theme, width, height }) {
  const alerts = item.alerts.slice(0, item.panel.options?.maxItems ?? 20);
  const styles = getStyles(theme);
  if (!alerts.length) {
    return (
      <div className={styles.none} style={{ width, height }} data-alerts="0">
        No alerts matching filters
      </div>
    );
  }
  return (
    <ol className={styles.list} style={{ width, height }} data-alerts={alerts.length}>
      {alerts.map((alert) => (
        <li key={alert.key} className={styles.alert}>
          <Icon name={alert.state === 'firing' ? 'heart-break' : 'heart'} style={{ color: theme.visualization.getColorByName(STATES[alert.state]) }} />
          <span className={styles.name}>{alert.name}</span>
          <span className={styles.summary}>{alert.summary}</span>
          <Badge text={alert.state} color={STATES[alert.state]} />
          <span className={styles.since}>for {alert.since}</span>
        </li>
      ))}
    </ol>
  );
}

const getStyles = (theme) => ({
  none: css({ alignItems: 'center', color: theme.colors.text.secondary, display: 'flex', justifyContent: 'center' }),
  list: css({ listStyle: 'none', margin: 0, overflow: 'auto' }),
  alert: css({
    alignItems: 'center',
    background: theme.colors.background.secondary,
    borderRadius: theme.shape.radius.default,
    display: 'flex',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(0.5),
    padding: theme.spacing(0.5, 1),
    whiteSpace: 'nowrap',
  }),
  name: css({ fontWeight: theme.typography.fontWeightMedium }),
  summary: css({ color: theme.colors.text.secondary, flex: 1, overflow: 'hidden', textOverflow: 'ellipsis' }),
  since: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
