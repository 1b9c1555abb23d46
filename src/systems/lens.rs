//! From an id to a table row and the components in it, without a lookup for most messages.
//!
//! # Model
//!
//! Half the cost of `get_mut` for each message is the way entity -> location -> table -> column. A lens
//! is aimed at a block's table once; an actor's row is its slot plus the block's offset, and the mailbox
//! cell in that row holds the actor's id, which proves it. Only where it does not, the slot table is
//! asked, and last the entity's location.

#![expect(unsafe_code, reason = "the path of every message: rows and columns are checked once a block, not once a message")]

use bevy_ecs::change_detection::Tick;
use bevy_ecs::component::ComponentId;
use bevy_ecs::entity::Entity;
use bevy_ecs::query::{EcsAccessLevel, EcsAccessType, QueryData, SingleEntityQueryData};
use bevy_ecs::storage::{TableId, TableRow};
use bevy_ecs::world::unsafe_world_cell::UnsafeWorldCell;
use nonmax::NonMaxU32;
use std::cell::UnsafeCell;

use crate::actor::HasMailbox;
use crate::cache::prefetch;
use crate::id::ActorId;
use crate::mailbox::DeadReason;
use crate::world::{BlockHint, Mailbox, SlotTable};

/// Looks at the actors of a block: at their cells, and at the components that `D` names.
pub(crate) struct Lens<'w, 's, A: HasMailbox, D: QueryData> {
    world: UnsafeWorldCell<'w>,
    cell_component: ComponentId,
    slots: &'s SlotTable,
    state: &'s D::State,
    fetch: D::Fetch<'w>,
    table: Option<TableId>,
    hint: Option<BlockHint>,
    /// Row minus slot, while aimed at the block's own table.
    offset: i64,
    /// The table lacks a column that `D` needs.
    is_blind: bool,
    cells: &'w [UnsafeCell<Mailbox<A>>],
    entities: &'w [Entity],
    /// The first component of `D`: where its column begins, and the size of one.
    states: (*const u8, usize),
    /// Where its change ticks begin.
    ticks: *const Tick,
}

impl<'w, 's, A: HasMailbox, D: SingleEntityQueryData> Lens<'w, 's, A, D> {
    /// # Safety
    ///
    /// For as long as the lens lives, nothing else may touch the components that `D` accesses, nor the
    /// mailboxes of type `A`, of the actors that are looked at through it, and the world's structure
    /// must not change. `state` must come from `D::init_state` on this world.
    pub(crate) unsafe fn new(
        world: UnsafeWorldCell<'w>,
        cell_component: ComponentId,
        slots: &'s SlotTable,
        state: &'s D::State,
        (last_run, this_run): (Tick, Tick),
    ) -> Self {
        // SAFETY: promised by the caller.
        let fetch = unsafe { D::init_fetch(world, state, last_run, this_run) };
        Self {
            world,
            cell_component,
            slots,
            state,
            fetch,
            table: None,
            hint: None,
            offset: 0,
            is_blind: false,
            cells: &[],
            entities: &[],
            states: (std::ptr::null(), 0),
            ticks: std::ptr::null(),
        }
    }

    /// Turns to a block.
    pub(crate) fn aim_at_block(&mut self, block: u32) {
        self.hint = self.slots.hint(block);
        if let Some(hint) = self.hint {
            self.offset = hint.offset;
            if self.table != Some(hint.table) {
                self.aim(hint.table);
            }
        }
    }

    /// Turns to a table. Without the cells' column it shows nothing.
    #[cold]
    fn aim(&mut self, table_id: TableId) {
        self.table = Some(table_id);
        self.cells = &[];
        self.entities = &[];
        self.states = (std::ptr::null(), 0);
        self.ticks = std::ptr::null();
        // SAFETY: reading the tables' metadata; the structure of the world does not change.
        let Some(table) = (unsafe { self.world.storages() }).tables.get(table_id) else { return };
        // SAFETY: the component id is that of `Mailbox<A>`.
        let Some(cells) = (unsafe { table.get_data_slice_for::<Mailbox<A>>(self.cell_component) }) else { return };
        self.entities = table.entities();
        self.cells = cells;
        if D::IS_DENSE {
            self.is_blind = !D::matches_component_set(self.state, &|id| table.has_column(id));
            if !self.is_blind {
                // SAFETY: the table is from the fetch's world and has the columns that `D` needs.
                unsafe { D::set_table(&mut self.fetch, self.state, table) };
            }
        }
    }

    /// Finds where the first component of `D` lies, for [`Lens::prefetch`]; once for each table.
    pub(crate) fn prepare_prefetch(&mut self) {
        if !self.states.0.is_null() {
            return;
        }
        let component = D::iter_access(self.state).find_map(|access| match access {
            EcsAccessType::Component(EcsAccessLevel::Read(id) | EcsAccessLevel::Write(id)) => Some(id),
            _ => None,
        });
        let (Some(component), Some(table)) = (component, self.table) else { return };
        // SAFETY: as in `aim`.
        let table = unsafe { self.world.storages() }.tables.get(table);
        let Some(column) = table.and_then(|table| table.get_column(component)) else { return };
        let size = self.world.components().get_info(component).map_or(0, |info| info.layout().size());
        if !self.cells.is_empty() {
            // SAFETY: the table has a first row.
            let first = unsafe { column.get_data_unchecked(TableRow::new(NonMaxU32::ZERO)) };
            self.states = (first.as_ptr(), size);
            self.ticks = table
                .and_then(|table| table.get_changed_ticks_slice_for(component))
                .map_or(std::ptr::null(), |ticks| ticks.as_ptr().cast());
        }
    }

    /// Asks for the cache lines of an actor that will be looked at soon. A wrong guess costs nothing.
    #[inline]
    pub(crate) fn prefetch(&self, slot: u32) {
        let row = self.guess(slot);
        prefetch(self.cells.as_ptr().wrapping_add(row).cast());
        let (states, size) = self.states;
        prefetch(states.wrapping_add(row.wrapping_mul(size)));
        prefetch(self.ticks.wrapping_add(row).cast());
    }

    /// An open actor's row in the table the lens is aimed at, and its mailbox.
    ///
    /// # Errors
    ///
    /// Why no open actor with this id can be seen.
    #[inline(always)]
    pub(crate) fn find(&mut self, id: ActorId) -> Result<(usize, &'w Mailbox<A>), DeadReason> {
        let row = self.guess(id.slot());
        match self.mailbox_in(row) {
            Some(cell) if cell.is(id) => Ok((row, cell)),
            _ => self.search(id),
        }
    }

    /// The row where a slot's holder is, probably; the cell there proves or refutes it.
    #[inline(always)]
    fn guess(&self, slot: u32) -> usize {
        (i64::from(slot) + self.offset) as usize
    }

    /// Who holds a slot of the block the lens is aimed at.
    #[inline(always)]
    pub(crate) fn holder(&self, slot: u32) -> Option<ActorId> {
        self.holder_in_sight(slot).map(|(id, ..)| id).or_else(|| self.slots.holder(slot))
    }

    /// The open actor that holds a slot of the block the lens is aimed at, as [`Lens::find`] gives it.
    #[inline(always)]
    pub(crate) fn find_holder(&mut self, slot: u32) -> Option<(ActorId, usize, &'w Mailbox<A>)> {
        self.holder_in_sight(slot).or_else(|| self.search_holder(slot))
    }

    #[inline(always)]
    fn holder_in_sight(&self, slot: u32) -> Option<(ActorId, usize, &'w Mailbox<A>)> {
        let row = self.guess(slot);
        let cell = self.mailbox_in(row)?;
        let id = cell.open_id().filter(|id| id.slot() == slot)?;
        Some((id, row, cell))
    }

    #[cold]
    #[inline(never)]
    fn search_holder(&mut self, slot: u32) -> Option<(ActorId, usize, &'w Mailbox<A>)> {
        let id = self.slots.holder(slot)?;
        self.find(id).ok().map(|(row, cell)| (id, row, cell))
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, id: ActorId) -> Result<(usize, &'w Mailbox<A>), DeadReason> {
        let entity = self.slots.entity(id)?;
        if let Some(row) = self.slots.strayed(id)
            && let Some(cell) = self.mailbox_in(row)
            && cell.is(id)
        {
            return Ok((row, cell));
        }
        let location = self.world.entities().get_spawned(entity).map_err(|_| DeadReason::Stopped)?;
        if self.table != Some(location.table_id) {
            self.aim(location.table_id);
            // The guess holds in the block's own table only.
            self.offset = match self.hint {
                Some(hint) if hint.table == location.table_id => hint.offset,
                _ => i64::MIN / 2,
            };
        }
        let row = location.table_row.index();
        let cell = self.mailbox_in(row).ok_or(DeadReason::NoState)?;
        if cell.is(id) { Ok((row, cell)) } else { Err(DeadReason::Stopped) }
    }

    /// The mailbox in a row, whoever's it is.
    #[inline(always)]
    fn mailbox_in(&self, row: usize) -> Option<&'w Mailbox<A>> {
        // SAFETY: cells are only ever reached through shared references in a pass. Of a cell that may be
        // another worker's, only the id is read, which is atomic.
        self.cells.get(row).map(|cell| unsafe { &*cell.get() })
    }

    /// The components that `D` names, in a row that `find` just gave; `None` if `D` does not match there.
    ///
    /// # Safety
    ///
    /// `row` came from the last `find`, the caller owns that actor's block, and no earlier item of the
    /// same row is alive.
    #[inline]
    pub(crate) unsafe fn fetch(&mut self, row: usize) -> Option<D::Item<'w, 's>> {
        if D::IS_DENSE && self.is_blind {
            return None;
        }
        // SAFETY: `find` proved the row to be in the table.
        let entity = unsafe { *self.entities.get_unchecked(row) };
        if !D::IS_DENSE {
            self.aim_at_archetype(entity)?;
        }
        // SAFETY: `row` indexes a table, which is never longer than rows can number.
        let table_row = TableRow::new(unsafe { NonMaxU32::new_unchecked(row as u32) });
        // SAFETY: the table (or archetype) was set and matches, the row is in it, and the caller has the
        // actor to itself.
        unsafe { D::fetch(self.state, &mut self.fetch, entity, table_row) }
    }

    fn aim_at_archetype(&mut self, entity: Entity) -> Option<()> {
        let location = self.world.entities().get_spawned(entity).ok()?;
        let archetype = self.world.archetypes().get(location.archetype_id)?;
        if !D::matches_component_set(self.state, &|id| archetype.contains(id)) {
            return None;
        }
        // SAFETY: as in `aim`.
        let table = unsafe { self.world.storages() }.tables.get(location.table_id)?;
        // SAFETY: the archetype and its table are from the fetch's world, and match.
        unsafe { D::set_archetype(&mut self.fetch, self.state, archetype, table) };
        Some(())
    }
}
