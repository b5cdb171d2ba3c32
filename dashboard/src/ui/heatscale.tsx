/** What the shades of the heat map mean. */
export const HeatScale = () => (
  <p class="heatscale"><span>1</span><i aria-hidden="true" /><span>most requests in a cell (square-root scale)</span></p>
);
