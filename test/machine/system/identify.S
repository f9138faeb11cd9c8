/* Every register that says what the processor is. */
#include "common.h"

	begin
	.irp	register, midr_el1, mpidr_el1, revidr_el1, ctr_el0, dczid_el0, clidr_el1, aidr_el1, \
		id_aa64pfr0_el1, id_aa64pfr1_el1, id_aa64dfr0_el1, id_aa64dfr1_el1, id_aa64afr0_el1, id_aa64afr1_el1, \
		id_aa64isar0_el1, id_aa64isar1_el1, id_aa64mmfr0_el1, id_aa64mmfr1_el1, id_pfr0_el1, id_pfr1_el1, id_dfr0_el1, \
		id_afr0_el1, id_mmfr0_el1, id_mmfr1_el1, id_mmfr2_el1, id_mmfr3_el1, id_isar0_el1, id_isar1_el1, id_isar2_el1, \
		id_isar3_el1, id_isar4_el1, id_isar5_el1, mvfr0_el1, mvfr1_el1, mvfr2_el1, cntfrq_el0, currentel, daif, spsel, nzcv
	try	mrs x0, \register
	.endr
	/* Reserved names of the space of ID registers read as zero. */
	.irp	name, s3_0_c0_c3_7, s3_0_c0_c4_2, s3_0_c0_c4_3, s3_0_c0_c4_6, s3_0_c0_c5_2, s3_0_c0_c5_6, s3_0_c0_c6_2, \
		s3_0_c0_c6_7, s3_0_c0_c7_3, s3_0_c0_c7_7, s3_0_c0_c2_7
	try	mrs x0, \name
	.endr
	/* The caches, one level after the other. */
	.irp	cache, 0, 1, 2
	mov	x1, #\cache
	msr	csselr_el1, x1
	isb
	try	mrs x0, ccsidr_el1
	.endr
	end
