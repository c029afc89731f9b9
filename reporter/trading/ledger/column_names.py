"""How programs and people name the parts of a trade: the field's words, in English, German, French and Spanish."""

from __future__ import annotations

from collections.abc import Mapping

# The names of each part, the surest first, without accents.
NAMES: Mapping[str, str] = {
    "id": """
        id uuid guid trade_id position_id deal_id bet_id wager_id exec_id execution_id fill_id order_id ticket
        reference
        ref deal_ref trade_ref order_ref tid nr no number nummer numero
    """,
    "agent": """
        agent agent_name agent_nm bot bot_name bot_nm agent_id bot_id trader trader_name trader_id controller_id
        config_file_path config_file config strategy_name strategy strategy_id strat account_name account
        account_id user_id model
        model_name proxy_wallet wallet robot robot_name robot_id strategie estrategia konto compte cuenta
    """,
    "strategy": "strategy strategy_name strategy_id strat setup algo algorithm strategie estrategia",
    "market": """
        symbol pair trading_pair market ticker instrument instr instrument_id market_id market_slug contract asset
        coin
        token product security condition_id currency_pair base_asset base_coin epic isin wkn name markt wertpapier
        titel actif titre
        marche paire activo mercado par valor simbolo symbole event event_name fixture match game
    """,
    "side": """
        side position_side pos_side direction dirn dir trade_type order_side is_short is_long is_buy buy_sell
        long_short
        action type outcome signal richtung seite art sens operation sentido lado tipo operacion kauf_verkauf
    """,
    "quantity": """
        entry_quantity entry_qty quantity qty filled_qty executed_qty amount
        size volume shares contracts lots units base_amount filled
        position_size anzahl menge stuck stuckzahl quantite cantidad unidades
    """,
    "entry_price": """
        entry_price entry px_in in_px open_rate open_price price_open avg_px_open avg_entry_price
        average_entry_price entry_px
        price_in in_price p_in buy_price avg_entry open einstieg einstiegskurs eroffnungskurs kaufkurs prix_entree
        prix_ouverture
        precio_entrada precio_apertura
    """,
    "exit_price": """
        exit_price exit px_out out_px close_rate close_price price_close avg_px_close avg_exit_price exit_px
        price_out out_price p_out sell_price
        avg_exit ausstieg ausstiegskurs schlusskurs verkaufskurs prix_sortie prix_cloture precio_salida
        precio_cierre
    """,
    "price": """
        price fill_price avg_price average_price executed_price execution_price rate px trade_price kurs preis prix
        cours precio cotizacion
    """,
    "fees": """
        fees fee total_fees total_fee fees_paid fee_paid fee_cost commission commissions trade_fee fee_amount costs
        gebuhr gebuhren provision kommission frais commission_frais comision comisiones tasas
    """,
    "pnl": """
        net_pnl net_profit pnl_net realized_pnl realised_pnl realized_profit closed_pnl close_profit_abs profit_abs
        pnl p_l pl p_and_l profit_loss profit_and_loss profit realized realised gross_pnl gross_profit net_result
        net gross
        result gain gain_loss total_pnl trade_pnl income gewinn gewinn_verlust g_v guv ergebnis resultat benefice
        gain_perte profit_perte beneficio ganancia ganancia_perdida resultado pyg
    """,
    "percent": """
        pnl_pct pnl_percent pnl_percentage profit_pct profit_percent profit_ratio return_pct return_percent pct
        percent return roi close_profit pnl_ratio returns rendite rendement rentabilidad
    """,
    "stake": """
        stake stake_amount size_usd amount_usd notional notional_usd cost invested investment position_size_usd
        margin amount_in cost_basis wager bet_amount spent einsatz mise apuesta importe montant betrag
    """,
    "payout": """
        payout payoff proceeds returned amount_returned settlement settlement_value winnings revenue amount_out
        payout_usd auszahlung paiement pago
    """,
    "opened_at": """
        opened_at open_date open_time opened entry_time entry_date entry_at entered_at ts_opened open_timestamp
        entry_timestamp placed_at opened_on time_open start_time started_at bought_at buy_time buy_date
        open_datetime t_in ts_in time_in in_time in_ts date_in dt_in entry_ts open_ts t_open t_entry created_at
        eroffnet eroffnung kaufdatum einstiegszeit ouverture date_ouverture date_entree
        apertura fecha_apertura fecha_entrada open entry placed
    """,
    "closed_at": """
        closed_at close_date close_time closed exit_time exit_date exit_at exited_at ts_closed close_timestamp
        exit_timestamp resolved_at settled_at closed_on time_close end_time ended_at finished_at completed_at
        sold_at sell_time sell_date close_datetime closing_time t_out ts_out time_out out_time out_ts date_out dt_out
        exit_ts close_ts t_close t_exit geschlossen schluss verkaufsdatum ausstiegszeit
        cloture date_cloture date_sortie cierre fecha_cierre fecha_salida close exit settled resolved
    """,
    "at": """
        executed_at filled_at trade_time trade_date timestamp time datetime date ts at executed_on execution_time
        created_at created updated_at datum zeit zeitstempel uhrzeit heure horodatage fecha hora
    """,
    "currency": """
        currency quote_currency quote quote_asset stake_currency pnl_currency settle_currency settlement_currency
        ccy account_currency wahrung devise monnaie divisa moneda
    """,
    "status": """
        status state is_open is_closed open active position_status trade_status settled zustand statut etat estado
        result outcome
    """,
    "mode": """
        mode trading_mode dry_run is_dry_run is_paper paper paper_trade is_paper_trade simulated is_simulated
        simulation is_live live environment env account_type session_mode is_demo demo is_test testnet
        is_testnet sandbox is_sandbox modus
    """,
    "fee_token": """
        fee_token fee_currency fee_asset fee_coin fee_ccy commission_asset commission_currency commission_token
    """,
    "leverage": "leverage lev leverage_used leverage_ratio hebel effet_levier levier apalancamento leva",
    "exit_reason": "exit_reason close_reason reason sell_reason exit_type close_type why grund raison motivo",
    "entry_tag": "entry_tag enter_tag tag setup_name signal_name entry_reason open_reason",
    "deleted": "deleted_at soft_deleted_at is_deleted deleted",
}
